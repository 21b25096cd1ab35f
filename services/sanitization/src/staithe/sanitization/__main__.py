"""`python -m staithe.sanitization`: runs the service until SIGTERM."""

from staithe.kernel.service import main
from staithe.sanitization.app import SERVICE, build
from staithe.sanitization.settings import SanitizationSettings

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, SanitizationSettings, build))
