"""The audit: who did what to whose memories, when, from where and with what result; never what memories say."""
