"""Backups of one host: its embedded servers, its journal and the small files of its data folder, in one folder."""
