"""The scripts that keep vectors beside states, and in vector sets; a vector counts as long as its state does."""

from providers.redis.scripts import Script

# Arguments: the model that vectors are of; then of each state its id, its text as it was read, and its vector. Vectors
# of another model are all removed. Returns how many were put, to states that are still the same.
EMBED = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
if redis.call('HEXISTS', about, 'name') == 0 then return 0 end
if redis.call('HGET', about, 'model') ~= ARGV[1] then
    redis.call('DEL', vectors, filled, nearest)
    redis.call('HDEL', about, 'gathered')
    redis.call('HSET', about, 'model', ARGV[1])
end
local count = 0
for at = 2, #ARGV, 3 do
    local id, read, vector = unpack(ARGV, at, at + 2)
    if redis.call('HGET', states, id) == read then
        redis.call('HSET', vectors, id, vector)
        redis.call('ZADD', filled, redis.call('HINCRBY', about, 'changes', 1), id)
        count = count + 1
    end
end
return count
""")

_COUNTS = """
local function counts() return redis.call('HGET', about, 'model') == ARGV[1] end
"""

# Arguments: a model. Returns how many memories live, how many of them have no vector of it, and whether there is a
# vector set.
WAITING = Script(f"""#!lua flags=no-writes
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
{_COUNTS}
local living = redis.call('ZCARD', live)
local embedded = counts() and redis.call('HLEN', vectors) or 0
return {{living, math.max(0, living - embedded), redis.call('EXISTS', nearest)}}
""")

# Arguments: a model, a bound of places in the list, and how many of these are looked at. Returns the last of them, and
# the ids of those that have no vector of the model.
LACKING = Script(f"""#!lua flags=no-writes
local states, ids, live, mortal, changes, about, history, versions, vectors = unpack(KEYS)
{_COUNTS}
local places = redis.call('ZRANGE', live, ARGV[2], '+', 'BYLEX', 'LIMIT', 0, ARGV[3])
local none, lacking = not counts(), {{}}
for _, place in ipairs(places) do
    local id = string.sub(place, -36)
    if none or redis.call('HEXISTS', vectors, id) == 0 then lacking[#lacking + 1] = id end
end
return {{places[#places] or '', lacking}}
""")

# Arguments: the model that vectors are of; the number of the last change that is in the vector set now, or nothing as
# long as it is not whole; then of each memory its id, its vector as it was read, and as the set takes it. What changed
# meanwhile is left out. Without quantisation a vector stays as it is, and with the fewest links and the least search
# for them it is put soon: a search that compares the question with all vectors needs none. Returns whether the vectors
# are still of this model.
GATHER = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
if redis.call('HGET', about, 'model') ~= ARGV[1] then return 0 end
for at = 3, #ARGV, 3 do
    local id, read, vector = unpack(ARGV, at, at + 2)
    if redis.call('HGET', vectors, id) == read then
        redis.call('VADD', nearest, 'FP32', vector, id, 'NOQUANT', 'EF', 1, 'M', 4)
    end
end
if ARGV[2] ~= '' then redis.call('HSET', about, 'gathered', ARGV[2]) end
return 1
""")

# Removes a vector set.
SCATTER = Script("""#!lua
local states, ids, live, mortal, changes, about, history, versions, vectors, filled, nearest = unpack(KEYS)
redis.call('HDEL', about, 'gathered')
return redis.call('DEL', nearest)
""")

# Arguments: a model, and how many ids are wanted at most. Returns how many memories live, the number of the last
# change, that of the last one in the vector set, if there is one of this model, and the ids of those that changed or
# got a vector behind that, the first ones; the first number is that of the last of these where there are more.
BEHIND = Script(f"""#!lua flags=no-writes
local states, ids, live, mortal, changes, about, history, versions, vectors, filled = unpack(KEYS)
{_COUNTS}
local living = redis.call('ZCARD', live)
local position = redis.call('HGET', about, 'changes') or '0'
local gathered = counts() and redis.call('HGET', about, 'gathered')
if not gathered then return {{living, position}} end
local behind, least = {{}}, '(' .. gathered
local function look(key)
    local found = redis.call('ZRANGE', key, least, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
    for at = 1, #found, 2 do behind[#behind + 1] = {{tonumber(found[at + 1]), found[at]}} end
end
look(changes)
look(filled)
table.sort(behind, function(one, other) return one[1] < other[1] end)
local told = {{}}
for at = 1, math.min(#behind, tonumber(ARGV[2])) do told[at] = behind[at][2] end
if #behind > #told then position = string.format('%d', behind[#told][1]) end
return {{living, position, gathered, told}}
""")

VECTOR_SCRIPTS = (EMBED, WAITING, LACKING, GATHER, SCATTER, BEHIND)
