"""
Three wire dialects of model servers, each as a pure function from a reply to its JSON and events.

Apart from `mock_llm` because this is what vendors change; the server around it stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Events = list[tuple[str, Any]]

SHELL_TOOLS: dict[str, Callable[[str], Json]] = {
    "Bash": lambda command: {"command": command, "description": "Run a scripted command"},
    "bash": lambda command: {"command": command, "description": "Run a scripted command"},
    "exec_command": lambda command: {"cmd": command},
    "shell_command": lambda command: {"command": command},
    "shell": lambda command: {"command": ["bash", "-lc", command]},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be said: the request, the scripted turn, its tokens and its tool calls."""

    sequence: int
    prefix: str
    body: Json
    turn: Json
    usage: dict[str, int]
    calls: list[tuple[str, Any]]

    def ident(self, kind: str, number: int | None = None) -> str:
        """An id that no other answer has."""
        base = f"{kind}_{self.prefix}{self.sequence:06d}"
        return base if number is None else f"{base}_{number}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in one piece and as server-sent events (event name or "", data)."""

    whole: Json
    events: Events


Dialect = Callable[[Reply], Answer]


def tool_names(body: Json) -> list[str]:
    """Names of the tools a request offers; namespaced ones as `namespace/name`."""
    names: list[str] = []
    for tool in body.get("tools") or []:
        if tool.get("type") == "namespace":
            names.extend(f"{tool.get('name')}/{sub.get('name')}" for sub in tool.get("tools") or [])
        else:
            names.append((tool.get("function") or tool).get("name") or tool.get("type"))
    return names


def last_user_text(body: Json) -> str:
    """Text of the last user message that has any."""
    messages = body.get("messages") or body.get("input") or []
    if isinstance(messages, str):
        return messages
    for message in reversed(messages):
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, str):
            return content
        texts = [part["text"] for part in content or [] if part.get("text")]
        if texts:
            return "\n".join(texts)
    return ""


def agent_ids(body: Json) -> list[str]:
    """Ids of the sub-agents that Codex has started so far in this conversation."""
    ids = []
    for item in body.get("input") or []:
        if isinstance(item, dict) and item.get("type") == "function_call_output":
            output = item.get("output")
            if isinstance(output, str) and output.startswith('{"agent_id"'):
                ids.append(json.loads(output)["agent_id"])
    return ids


def calls_of(turn: Json, names: list[str], body: Json) -> list[tuple[str, Any]]:
    """Tool calls of a turn; `shell` becomes whatever shell tool the agent offers."""
    calls: list[tuple[str, Any]] = []
    if "shell" in turn:
        command = turn["shell"]
        name = next((name for name in SHELL_TOOLS if name in names), "")
        if name:
            calls.append((name, SHELL_TOOLS[name](command)))
        elif "exec" in names:  # Codex's code mode: JavaScript in a custom tool
            text = json.dumps({"cmd": command})
            calls.append(("exec", f"const r = await tools.exec_command({text});\ntext(r.output);"))
    for call in turn.get("tools") or []:
        given = call.get("input", {})
        calls.append((call["name"], given(body) if callable(given) else given))
    return calls


# ---------------------------------------------------------------- Anthropic Messages


def anthropic(reply: Reply) -> Answer:
    """Fresh input and both cache numbers side by side."""
    usage = {
        "input_tokens": reply.usage["input"],
        "cache_creation_input_tokens": reply.usage["cache_write"],
        "cache_read_input_tokens": reply.usage["cache_read"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": reply.usage["cache_write"],
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": reply.usage["output"],
        "service_tier": "standard",
    }
    blocks: list[Json] = []
    if reply.turn.get("think"):
        thinking = {"thinking": reply.turn["think"], "signature": "bW9jaw=="}
        blocks.append({"type": "thinking", **thinking})
    if reply.turn.get("text") is not None:
        blocks.append({"type": "text", "text": reply.turn["text"]})
    for number, (name, arguments) in enumerate(reply.calls):
        call = {"id": reply.ident("toolu", number), "name": name, "input": arguments}
        blocks.append({"type": "tool_use", **call})
    stop = "tool_use" if reply.calls else "end_turn"
    message = {
        "id": reply.ident("msg"),
        "type": "message",
        "role": "assistant",
        "model": reply.body.get("model"),
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }
    first = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: Events = [("message_start", {"type": "message_start", "message": first})]
    for index, block in enumerate(blocks):
        events.extend(_anthropic_block(index, block))
    final = {name: usage[name] for name in usage if name.endswith("_tokens")}
    delta = {"stop_reason": stop, "stop_sequence": None}
    events.append(("message_delta", {"type": "message_delta", "delta": delta, "usage": final}))
    events.append(("message_stop", {"type": "message_stop"}))
    return Answer(message, events)


def _anthropic_block(index: int, block: Json) -> Events:
    kind = block["type"]
    if kind == "text":
        start: Json = {"type": "text", "text": ""}
        deltas: list[Json] = [{"type": "text_delta", "text": block["text"]}]
    elif kind == "thinking":
        start = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        start = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    name = "content_block_start"
    events: Events = [(name, {"type": name, "index": index, "content_block": start})]
    name = "content_block_delta"
    events.extend((name, {"type": name, "index": index, "delta": delta}) for delta in deltas)
    name = "content_block_stop"
    return [*events, (name, {"type": name, "index": index})]


# ------------------------------------------------------------------ OpenAI Responses


def responses(reply: Reply) -> Answer:
    """Input includes what was read from and written to the cache."""
    items = _response_items(reply)
    total = reply.usage["input"] + reply.usage["cache_read"] + reply.usage["cache_write"]
    done = {
        "id": reply.ident("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": reply.body.get("model"),
        "output": items,
        "usage": {
            "input_tokens": total,
            "input_tokens_details": {
                "cached_tokens": reply.usage["cache_read"],
                "cache_write_tokens": reply.usage["cache_write"],
            },
            "output_tokens": reply.usage["output"],
            "output_tokens_details": {"reasoning_tokens": reply.usage["reasoning"]},
            "total_tokens": total + reply.usage["output"],
        },
    }
    events: Events = []

    def emit(kind: str, **data: Any) -> None:
        events.append((kind, {"type": kind, "sequence_number": len(events), **data}))

    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    emit("response.created", response=begun)
    for index, item in enumerate(items):
        where = {"item_id": item["id"], "output_index": index}
        if item["type"] == "message":
            text = item["content"][0]["text"]
            empty = {"type": "output_text", "text": "", "annotations": []}
            opened = {**item, "status": "in_progress", "content": []}
            emit("response.output_item.added", output_index=index, item=opened)
            emit("response.content_part.added", **where, content_index=0, part=empty)
            emit("response.output_text.delta", **where, content_index=0, delta=text)
            emit("response.output_text.done", **where, content_index=0, text=text)
        elif item["type"] == "reasoning":
            opened = {**item, "summary": []}
            emit("response.output_item.added", output_index=index, item=opened)
        else:
            blank = {"arguments": ""} if "arguments" in item else {"input": ""}
            opened = {**item, "status": "in_progress", **blank}
            emit("response.output_item.added", output_index=index, item=opened)
        emit("response.output_item.done", output_index=index, item=item)
    emit("response.completed", response=done)
    return Answer(done, events)


def _response_items(reply: Reply) -> list[Json]:
    items: list[Json] = []
    if reply.turn.get("think"):
        summary = [{"type": "summary_text", "text": reply.turn["think"]}]
        items.append(
            {
                "type": "reasoning",
                "id": reply.ident("rs"),
                "summary": summary,
                "encrypted_content": "bW9jaw==",
            }
        )
    if reply.turn.get("text") is not None:
        content = [{"type": "output_text", "text": reply.turn["text"], "annotations": []}]
        items.append(
            {
                "type": "message",
                "id": reply.ident("msg"),
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        )
    for number, (name, arguments) in enumerate(reply.calls):
        base = {"status": "completed", "call_id": reply.ident("call", number), "name": name}
        if isinstance(arguments, str):
            kind = {"type": "custom_tool_call", "id": reply.ident("ctc", number)}
            items.append({**kind, **base, "input": arguments})
            continue
        item = {"type": "function_call", "id": reply.ident("fc", number), **base}
        item["arguments"] = json.dumps(arguments)
        if "/" in name:
            item["namespace"], item["name"] = name.split("/", 1)
        items.append(item)
    return items


# ------------------------------------------------------------ OpenAI Chat Completions


def chat(reply: Reply) -> Answer:
    """Prompt tokens include cached ones; the dialect has no field for cache writes."""
    total = reply.usage["input"] + reply.usage["cache_read"] + reply.usage["cache_write"]
    usage = {
        "prompt_tokens": total,
        "completion_tokens": reply.usage["output"],
        "total_tokens": total + reply.usage["output"],
        "prompt_tokens_details": {"cached_tokens": reply.usage["cache_read"]},
        "completion_tokens_details": {"reasoning_tokens": reply.usage["reasoning"]},
    }
    tool_calls = [
        {
            "index": number,
            "id": reply.ident("call", number),
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(reply.calls)
    ]
    finish = "tool_calls" if tool_calls else "stop"
    base = {
        "id": reply.ident("chatcmpl"),
        "created": int(time.time()),
        "model": reply.body.get("model"),
    }
    message: Json = {"role": "assistant", "content": reply.turn.get("text")}
    if tool_calls:
        message["tool_calls"] = tool_calls
    choice = {"index": 0, "message": message, "finish_reason": finish}
    whole = {**base, "object": "chat.completion", "usage": usage, "choices": [choice]}

    def chunk(delta: Json, reason: str | None = None) -> tuple[str, Json]:
        part = {"index": 0, "delta": delta, "finish_reason": reason}
        return "", {**base, "object": "chat.completion.chunk", "choices": [part]}

    events: Events = [chunk({"role": "assistant", "content": ""})]
    if reply.turn.get("think"):
        events.append(chunk({"reasoning_content": reply.turn["think"]}))
    if reply.turn.get("text"):
        events.append(chunk({"content": reply.turn["text"]}))
    events.extend(chunk({"tool_calls": [call]}) for call in tool_calls)
    events.append(chunk({}, finish))
    last = {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}
    return Answer(whole, [*events, ("", last), ("", "[DONE]")])
