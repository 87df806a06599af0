"""Embolisation of bleeding and of ruptured tumours: the short form first (practice notes 2.6, section 3 item 11)."""
