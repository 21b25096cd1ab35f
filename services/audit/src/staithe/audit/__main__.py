"""`python -m staithe.audit`: runs the service until SIGTERM."""

from staithe.audit.app import SERVICE, build
from staithe.audit.settings import AuditSettings
from staithe.kernel.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, AuditSettings, build))
