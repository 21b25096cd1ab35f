"""The embedding model at run time. The only room for onnxruntime, tokenizers, onnx and safetensors.

Setup lives in `staithe.vectors.model.prepare`, apart, because building the graph needs `onnx` and running it does not.
"""

from staithe.vectors.model.encoder import Encoder, load_encoder
from staithe.vectors.model.files import ModelPaths, default_cache_dir, model_paths
from staithe.vectors.model.pins import CONTENT_TOKENS_MAX, DIMENSIONS, TOKENS_MAX, model_digest
from staithe.vectors.model.tokenizer import TextTokenizer, Words

__all__ = [
    "CONTENT_TOKENS_MAX",
    "DIMENSIONS",
    "TOKENS_MAX",
    "Encoder",
    "ModelPaths",
    "TextTokenizer",
    "Words",
    "default_cache_dir",
    "load_encoder",
    "model_digest",
    "model_paths",
]
