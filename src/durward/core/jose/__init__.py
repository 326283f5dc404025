"""Our narrow profile of JOSE over joserfc: compact JWS, asymmetric, allow-listed, strict."""
