"""The memory browser: an operator looks at the memories of a user, exports them, and forgets one."""
