"""The OpenSearch provider: memories in an index of OpenSearch or Elasticsearch."""
