"""Pictures that are sent instead of put there: resumable uploads, unpacked below imports/."""
