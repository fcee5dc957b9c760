"""The mock provider of SPEC-020, section 7.1, as it is printed there."""
# ruff: noqa: ANN204, D102, D415, DTZ003, UP006, UP035, UP045, W291, W293 - printed so
# mypy: disable-error-code="no-untyped-def, var-annotated"
# fmt: off

from datetime import datetime
from typing import Any, Dict, List, Optional


class MockMemoryProvider:
    """Mock memory provider for testing"""
    
    def __init__(self):
        self.memories = {}
        self.next_id = 1
    
    async def remember(
        self, 
        user_id: str, 
        content: str, 
        metadata: Optional[Dict[str, Any]] = None
    ) -> str:
        memory_id = str(self.next_id)
        self.next_id += 1
        
        self.memories[memory_id] = {
            "id": memory_id,
            "user_id": user_id,
            "content": content,
            "metadata": metadata,
            "created_at": datetime.utcnow().isoformat()
        }
        
        return memory_id
    
    async def recall(
        self, 
        user_id: str, 
        query: str, 
        limit: int = 10
    ) -> List[Dict[str, Any]]:
        user_memories = [
            memory for memory in self.memories.values()
            if memory["user_id"] == user_id and query.lower() in memory["content"].lower()
        ]
        return user_memories[:limit]
    
    async def health_check(self) -> Dict[str, Any]:
        return {
            "healthy": True,
            "provider": "MockMemoryProvider",
            "total_memories": len(self.memories)
        }
