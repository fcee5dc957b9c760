"""A program of CrewAI: the tools as a crew calls them, with what came back printed."""

import json
import sys

from crewai import Agent, BaseLLM, Crew, Task

from ninaivalaigal import Client
from ninaivalaigal.adapters.crewai import memory_tools

URL, USER = sys.argv[1:]


class Script(BaseLLM):
    """A model that uses a tool, and then ends."""

    def call(self, messages: list[dict[str, str]], *args: object, **more: object) -> str:
        """Return what a model would say."""
        if "the dog next door barks" in str(messages):
            return "Thought: I know\nFinal Answer: the dog"
        return 'Thought: I search\nAction: search_memories\nAction Input: {"query": "dog"}'

    def supports_function_calling(self) -> bool:
        """Answer no: this one speaks of tools in words."""
        return False


client = Client(URL)
tools = {tool.name: tool for tool in memory_tools(client, user=USER)}
memory_id = tools["add_memory"].run(content="I drink green tea")
found = tools["search_memories"].run(query="tea")
said = {
    "refused": tools["add_memory"].run(content=" "),
    "found": found.startswith(memory_id) and found.endswith(": I drink green tea"),
    "deleted": tools["delete_memory"].run(memory_id=memory_id),
    "again": tools["delete_memory"].run(memory_id=memory_id)[:8],
    "end": tools["search_memories"].run(query="tea"),
    "schema": sorted(tools["search_memories"].args_schema.model_fields),
}
client.remember("the dog next door barks", user=USER)
agent = Agent(role="r", goal="g", backstory="b", tools=list(tools.values()), llm=Script(model="script"))
task = Task(description="Which animal is next door?", expected_output="a sentence", agent=agent)
said["crew"] = Crew(agents=[agent], tasks=[task]).kickoff().raw
json.dump(said, sys.stdout)
