"""What other rooms use of the key service: a sealer and an opener that fetch the keys they need."""
