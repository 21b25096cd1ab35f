"""Sign-in of people at an OpenID provider: authorization code with PKCE (RFC 7636, RFC 9700), sealed cookies."""
