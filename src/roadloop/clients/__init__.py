"""The dialect of an older front-end, below /api: one translating layer. It owns no rows and does no work of its own."""
