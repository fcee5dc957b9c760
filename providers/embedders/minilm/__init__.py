"""The sentence encoder all-MiniLM-L6-v2 with int8 weights, computed in this process by onnxruntime."""
