"""The scripts that run in Redis, each at once: they compare bytes and set them, and decide nothing about memories."""

from hashlib import sha1

from msgspec import Struct


class Script(Struct, frozen=True):
    """A script, and the name by which a server knows it once it has seen it."""

    text: str

    @property
    def sha(self) -> str:
        """The name."""
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: tuple[str, ...], *arguments: str | int) -> tuple[str | int, ...]:
        """Return the command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


# Arguments: a name for an owner of whom nothing is there, or nothing; then for each state its id, its text as it was
# read, its text as it is to be, and of both their places in the list and among those that expire. Returns the ids of
# those that were changed meanwhile; nothing is written, and nothing returned, for an owner without a name who is not
# given one. Without any state it writes something else, so that whoever waits for the disk waits for all that is there.
PUT = Script("""#!lua
local states, ids, live, mortal, changes, about = unpack(KEYS)
local function move(key, from, to)
    if from == to then return end
    if from ~= '' then redis.call('ZREM', key, from) end
    if to ~= '' then redis.call('ZADD', key, 0, to) end
end
if redis.call('HEXISTS', about, 'name') == 0 then
    if ARGV[1] == '' then return false end
    redis.call('HSET', about, 'name', ARGV[1])
end
if #ARGV == 1 then redis.call('HSET', about, 'read', '') end
local refused = {}
for at = 2, #ARGV, 7 do
    local id, read, text, former, place, former_end, ends = unpack(ARGV, at, at + 6)
    if (redis.call('HGET', states, id) or '') ~= read then
        refused[#refused + 1] = id
    else
        redis.call('HSET', states, id, text)
        redis.call('ZADD', ids, 0, id)
        move(live, former, place)
        move(mortal, former_end, ends)
        redis.call('ZADD', changes, redis.call('HINCRBY', about, 'changes', 1), id)
    end
end
return refused
""")

# Arguments: of each state its id, its text as it was read, and its places in the list and among those that expire.
# Removes those that are still the same, and with the last state all keys of the owner, so that an owner who comes back
# has another name. Returns how many were removed.
PURGE = Script("""#!lua
local states, ids, live, mortal, changes, about = unpack(KEYS)
local count = 0
for at = 1, #ARGV, 4 do
    local id, read, place, ends = unpack(ARGV, at, at + 3)
    if redis.call('HGET', states, id) == read then
        redis.call('HDEL', states, id)
        redis.call('ZREM', ids, id)
        redis.call('ZREM', changes, id)
        if place ~= '' then redis.call('ZREM', live, place) end
        if ends ~= '' then redis.call('ZREM', mortal, ends) end
        count = count + 1
    end
end
if redis.call('HLEN', states) == 0 then redis.call('DEL', unpack(KEYS))
elseif count > 0 then redis.call('HSET', about, 'name', redis.call('HGET', about, 'name') .. "'") end
return count
""")

# Arguments: hashes of owners, and of each the text of its fence. Returns how often the list was changed.
PUT_FENCES = Script("""#!lua
redis.call('HSET', KEYS[1], unpack(ARGV))
return redis.call('HINCRBY', KEYS[1], 'count', 1)
""")

_RUN = "string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')"
_NAME = "(redis.call('HGET', about, 'name') or '')"
_POSITION = "tonumber(redis.call('HGET', about, 'changes') or 0)"

# Arguments: the epoch and the position of the last look. Returns those of this one, how many memories live, and the ids
# that changed since, if that can be told. A server that was started again may have lost what it had, and got it anew.
LOOK = Script(f"""#!lua flags=no-writes,allow-stale
local states, ids, live, mortal, changes, about = unpack(KEYS)
local epoch = {_RUN} .. '/' .. {_NAME}
local position = {_POSITION}
local count = redis.call('ZCARD', live)
if epoch ~= ARGV[1] or tonumber(ARGV[2]) > position then return {{epoch, position, count}} end
return {{epoch, position, count, redis.call('ZRANGE', changes, '(' .. ARGV[2], '+inf', 'BYSCORE')}}
""")

# Arguments: a number, and how many changes are wanted at most. Returns the run of the server, the name of the owner,
# the number of the last change, and the ids of those that changed behind the given one, each followed by its number.
FEED = Script(f"""#!lua flags=no-writes,allow-stale
local states, ids, live, mortal, changes, about = unpack(KEYS)
local behind = redis.call('ZRANGE', changes, '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
return {{{_RUN}, {_NAME}, {_POSITION}, behind}}
""")

# Arguments: a text as it was read, and the one in its place. Returns whether it was still the same.
REPLACE = Script("""#!lua
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")
