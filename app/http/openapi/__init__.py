"""The OpenAPI document: its general part, and what the framework cannot know of schemas and operations."""
