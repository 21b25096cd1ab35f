# What the key service may do with the transit engine of OpenBao or Vault, mounted at `transit`; nothing else.
# `bao policy write staithe-keys deploy/openbao/keys.hcl`, then an AppRole with this policy.

path "transit/keys/staithe-*" {
  capabilities = ["create", "read", "update"]
}

# Rotation of a tenant's key: a new version, the old ones forbidden, then deleted.
path "transit/keys/staithe-+/rotate" {
  capabilities = ["update"]
}
path "transit/keys/staithe-+/config" {
  capabilities = ["update"]
}
path "transit/keys/staithe-+/trim" {
  capabilities = ["update"]
}

path "transit/encrypt/staithe-*" {
  capabilities = ["update"]
}
path "transit/decrypt/staithe-*" {
  capabilities = ["update"]
}
