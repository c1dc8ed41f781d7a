"""Pictures and labels from and to bytes: pure, bounded, RGB everywhere."""
