"""Database, migrations, whole-or-absent publishing and the one path resolver."""
