"""The scripts that run in Redis, each at once: they compare bytes and set them, and decide nothing about memories."""

from hashlib import sha1

from msgspec import Struct

from providers.redis.acknowledging import Command


class Script(Struct, frozen=True):
    """A script, and the name by which a server knows it once it has seen it."""

    text: str

    @property
    def sha(self) -> str:
        """The name."""
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: tuple[str, ...], *arguments: str | int | bytes) -> Command:
        """Return the command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


# Arguments: a name for an owner of whom nothing is there, or nothing; how many versions are kept beside a state; the
# model that vectors are of, or nothing; then for each state its id, its text as it was read, its text as it is to be,
# and of both their places in the list and among those that expire; its vector, nothing for none, or "=" for the one
# that is there; the bound below which its history is, and how many versions go into that, -1 to end it; and of each of
# these its place and its text. Returns the ids of those that were changed meanwhile; nothing is written, and nothing
# returned, for an owner without a name who is not given one. Without any state it writes something else, so that
# whoever waits for the disk waits for all that is there.
PUT = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
local function drop(places, count)
    for at = 1, count do
        redis.call('HDEL', history, places[at])
        redis.call('ZREM', versions, places[at])
    end
end
local function move(key, from, to)
    if from == to then return end
    if from ~= '' then redis.call('ZREM', key, from) end
    if to ~= '' then redis.call('ZADD', key, 0, to) end
end
if redis.call('HEXISTS', about, 'name') == 0 then
    if ARGV[1] == '' then return false end
    redis.call('HSET', about, 'name', ARGV[1])
    redis.call('DEL', vectors, filled, nearest)
end
if #ARGV == 3 then redis.call('HSET', about, 'read', '') end
if ARGV[3] ~= '' then redis.call('HSETNX', about, 'model', ARGV[3]) end
local kept = redis.call('HGET', about, 'model') == ARGV[3]
local gathered = redis.call('EXISTS', nearest) == 1
local function embed(id, vector)
    if vector == '=' then return end
    redis.call('ZREM', filled, id)
    if gathered then redis.call('VREM', nearest, id) end
    if kept and vector ~= '' then redis.call('HSET', vectors, id, vector)
    else redis.call('HDEL', vectors, id) end
end
local refused, at = {}, 4
while at <= #ARGV do
    local id, read, text, former, place, former_end, ends, vector, below, count = unpack(ARGV, at, at + 9)
    local first, last = at + 10, at + 9 + 2 * math.max(0, tonumber(count))
    at = last + 1
    if (redis.call('HGET', states, id) or '') ~= read then
        refused[#refused + 1] = id
    else
        if text ~= read then
            redis.call('HSET', states, id, text)
            redis.call('ZADD', ids, 0, id)
            move(live, former, place)
            move(mortal, former_end, ends)
            embed(id, vector)
            redis.call('ZADD', changes, redis.call('HINCRBY', about, 'changes', 1), id)
        end
        for version = first, last, 2 do
            if redis.call('HSETNX', history, ARGV[version], ARGV[version + 1]) == 1 then
                redis.call('ZADD', versions, 0, ARGV[version])
            end
        end
        if count ~= '0' then
            local kept = redis.call('ZRANGE', versions, '[' .. id .. ':', below, 'BYLEX')
            drop(kept, count == '-1' and #kept or #kept - tonumber(ARGV[2]))
        end
    end
end
return refused
""")

# Arguments: of each state its id, its text as it was read, and its places in the list and among those that expire.
# Removes those that are still the same, and with the last state all keys of the owner, so that an owner who comes back
# has another name. Returns how many were removed.
PURGE = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
local gathered = redis.call('EXISTS', nearest) == 1
local count = 0
for at = 1, #ARGV, 4 do
    local id, read, place, ends = unpack(ARGV, at, at + 3)
    if redis.call('HGET', states, id) == read then
        redis.call('HDEL', states, id)
        redis.call('ZREM', ids, id)
        redis.call('ZREM', changes, id)
        if place ~= '' then redis.call('ZREM', live, place) end
        if ends ~= '' then redis.call('ZREM', mortal, ends) end
        redis.call('HDEL', vectors, id)
        redis.call('ZREM', filled, id)
        if gathered then redis.call('VREM', nearest, id) end
        count = count + 1
    end
end
if redis.call('HLEN', states) == 0 and redis.call('HLEN', history) == 0 then redis.call('DEL', unpack(KEYS))
elseif count > 0 then redis.call('HSET', about, 'name', redis.call('HGET', about, 'name') .. "'") end
return count
""")

# Arguments: places of versions, which are removed, and with the last thing that there is of an owner all of its keys.
DROP_VERSIONS = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions = unpack(KEYS)
for at = 1, #ARGV do
    redis.call('HDEL', history, ARGV[at])
    redis.call('ZREM', versions, ARGV[at])
end
if redis.call('HLEN', states) == 0 and redis.call('HLEN', history) == 0 then redis.call('DEL', unpack(KEYS)) end
return #ARGV
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
# that changed since or got a vector, if that can be told. A server that was started again may have lost what it had,
# and got it anew.
LOOK = Script(f"""#!lua flags=no-writes,allow-stale
local states, ids, live, mortal, changes, about, history, versions, vectors, filled = unpack(KEYS)
local epoch = {_RUN} .. '/' .. {_NAME}
local position = {_POSITION}
local count = redis.call('ZCARD', live)
if epoch ~= ARGV[1] or tonumber(ARGV[2]) > position then return {{epoch, position, count}} end
local changed = redis.call('ZRANGE', changes, '(' .. ARGV[2], '+inf', 'BYSCORE')
for _, id in ipairs(redis.call('ZRANGE', filled, '(' .. ARGV[2], '+inf', 'BYSCORE')) do changed[#changed + 1] = id end
return {{epoch, position, count, changed}}
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
