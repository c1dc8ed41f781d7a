"""The HTTP kit below the features: parameters, envelope, errors, paging, access."""
