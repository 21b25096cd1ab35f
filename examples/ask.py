"""Ask Staithe a question over HTTPS and print the answer with its citations.

    export STAITHE_TOKEN="$(.venv/bin/staithe token --tenant harbour)"
    .venv/bin/python examples/ask.py "How many days of annual leave do we have?"

It needs `pip install httpx`. Exit code 1 means that the sources support no answer.
"""

import os
import ssl
import sys
from typing import Any

import httpx

STACK = os.environ.get("STAITHE_STACK_FOLDER", ".staithe")
PORT_BASE = int(os.environ.get("STAITHE_STACK_PORT_BASE", "24100"))


def ask(question: str, token: str) -> dict[str, Any]:
    """The answer; raises httpx.HTTPStatusError with a problem document (RFC 9457) otherwise."""
    with httpx.Client(
        base_url=f"https://127.0.0.1:{PORT_BASE + 12}",
        verify=ssl.create_default_context(cafile=f"{STACK}/pki/services/ca.pem"),
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        response = client.post("/v1/answers", json={"question": question})
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


if __name__ == "__main__":
    answer = ask(sys.argv[1], os.environ["STAITHE_TOKEN"])
    print(answer["text"])
    for each in answer["citations"]:
        where = f"{each['document_id']} version {each['document_version']}"
        print(f"  {where}, characters {each['span']['start']} to {each['span']['end']}: {each['quote']}")
    sys.exit(0 if answer["answered"] else 1)
