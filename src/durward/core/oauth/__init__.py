"""OAuth 2.1 (draft 15) and OpenID Connect, sans I/O: values in, values out."""
