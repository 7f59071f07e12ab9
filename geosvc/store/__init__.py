"""The only place that knows SQLAlchemy: tables by noun, sessions, migrations."""
