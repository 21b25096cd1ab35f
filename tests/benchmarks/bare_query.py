"""The bare path that the query service is measured against: TLS, the same model, one Milvus search, JSON; nothing else.

    python bare_query.py PORT MILVUS_URI COLLECTION CERTIFICATE KEY

One process with as many threads as the query service has. No token, no policy, no words, no keys, no log. It trusts
everybody, so it listens on loopback only and lives as long as the bench.
"""

import asyncio
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web
from pymilvus import MilvusClient

from staithe.query import limits
from staithe.query.clip import ClippingEncoder
from staithe.vectors.model.encoder import load_encoder
from staithe.vectors.model.files import default_cache_dir, model_paths

COLUMNS = ("document_id", "document_version", "ordinal", "span_start", "span_end", "sealed_text")


def main() -> None:
    """Serve `POST /search` until killed."""
    port, uri, collection, certificate, key = sys.argv[1:]
    encoder = ClippingEncoder(load_encoder(model_paths(default_cache_dir())))
    milvus = MilvusClient(uri)
    encoding, searching = ThreadPoolExecutor(limits.ENCODE_THREADS), ThreadPoolExecutor(limits.SEARCH_THREADS)

    def nearest(vector: list[float], tenant: str) -> list[dict[str, Any]]:
        found = milvus.search(
            collection, [vector], anns_field="embedding", filter=f'tenant_id == "{tenant}"',
            limit=limits.RESULTS_DEFAULT, output_fields=list(COLUMNS), consistency_level="Bounded",
            search_params={"metric_type": "COSINE", "params": {"ef": 64}},
        )[0]  # fmt: skip
        return [{"score": float(each["distance"]), **dict(each["entity"])} for each in found]

    async def search(request: web.Request) -> web.Response:
        asked = await request.json()
        loop = asyncio.get_running_loop()
        vector = await loop.run_in_executor(encoding, encoder.encode, asked["question"])
        return web.json_response({"results": await loop.run_in_executor(
            searching, nearest, vector.tolist(), asked["tenant"]
        )})  # fmt: skip

    application = web.Application()
    application.router.add_post("/search", search)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    web.run_app(application, host="127.0.0.1", port=int(port), ssl_context=context, print=None, access_log=None)


if __name__ == "__main__":
    main()
