"""Steps that Redis takes as one. Time is the server's, so that workers on many machines need no common clock.

An account is one hash: `cap`, `spent`, `leased`; for each holder `lease:HOLDER`, `until:HOLDER`, `booked:HOLDER` (number of its last
booking), `last:HOLDER` (number of its last step, and what that added to `spent` and to its lease) and `lapsed:HOLDER` (what counted as
spent when its lease lapsed).
"""

from __future__ import annotations

from typing import Final

_TIME: Final = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1e6\n"
_STANDING: Final = """
local function standing(key, holder)
  local spent, leased, mine, n = 0, 0, 0, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local name, value = fields[i], tonumber(fields[i + 1])
    if name == 'spent' then spent = value elseif name == 'leased' then leased = value
    elseif string.sub(name, 1, 6) == 'lease:' and value > 0 then
      n = n + 1
      if name == 'lease:' .. holder then mine = value end
    end
  end
  return spent, leased, mine, math.max(1, n)
end
local function add(key, field, n) if n ~= 0 then redis.call('HINCRBY', key, field, string.format('%.0f', n)) end end
"""
_ONCE: Final = """
local function begins(key, holder, number, heard)
  local last, spent, lease = string.match(redis.call('HGET', key, 'last:' .. holder) or '0 0 0', '(%S+) (%S+) (%S+)')
  if tonumber(last) >= number then return false end
  if tonumber(last) > heard then
    add(key, 'spent', -spent)
    add(key, 'leased', -lease)
    add(key, 'lease:' .. holder, -lease)
  end
  return true
end
local function ends(key, holder, number, spent, lease)
  redis.call('HSET', key, 'last:' .. holder, string.format('%.0f %.0f %.0f', number, spent, lease))
end
"""
"""A step whose answer was lost is undone by its holder's next one, which counts it in, and is not taken once that one was."""

STANDING: Final = f"{_STANDING} return {{standing(KEYS[1], ARGV[1])}}"
"""KEYS: account. ARGV: holder. → spent, leased, mine, number of holders."""

DRAW: Final = f"""{_TIME}{_STANDING}{_ONCE}
local ask, least, limit, holder, number = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[7])
if not begins(KEYS[1], holder, number, tonumber(ARGV[8])) then return {{0, standing(KEYS[1], holder)}} end
local spent, leased = standing(KEYS[1], holder)
local granted = math.min(ask, limit - spent - leased)
if granted < least then granted = 0 else
  add(KEYS[1], 'leased', granted)
  add(KEYS[1], 'lease:' .. holder, granted)
  redis.call('HSET', KEYS[1], 'cap', ARGV[3], 'until:' .. holder, tostring(now + ARGV[5]))
  redis.call('EXPIRE', KEYS[1], ARGV[6])
  ends(KEYS[1], holder, number, 0, granted)
end
return {{granted, standing(KEYS[1], holder)}}"""
"""KEYS: account. ARGV: ask, least, limit, holder, seconds of the lease, seconds to keep the account, number of the step, number of the
last one whose answer was heard. → granted and standing."""

BOOK: Final = f"""{_TIME}{_STANDING}{_ONCE}
local spent, back, holder, number = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[7])
if redis.call('HEXISTS', KEYS[1], 'lease:' .. holder) == 0 and redis.call('HEXISTS', KEYS[1], 'cap') == 1 then return false end
if not begins(KEYS[1], holder, number, tonumber(ARGV[8])) then return {{standing(KEYS[1], holder)}} end
local ended = math.min(tonumber(redis.call('HGET', KEYS[1], 'lease:' .. holder) or 0), spent + back)
add(KEYS[1], 'spent', spent)
add(KEYS[1], 'leased', -ended)
add(KEYS[1], 'lease:' .. holder, -ended)
redis.call('HSET', KEYS[1], 'until:' .. holder, tostring(now + ARGV[4]), 'booked:' .. holder, ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[5])
ends(KEYS[1], holder, number, spent, -ended)
return {{standing(KEYS[1], holder)}}"""
"""KEYS: account. ARGV: spent, back, holder, seconds of the lease, seconds to keep the account, number of the booking, the two of DRAW.
→ standing, or nil if the lease lapsed.
An account that Redis has lost is begun anew with what was spent."""

LAPSE: Final = f"""{_TIME}{_STANDING}
local total, fields = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'until:' and tonumber(fields[i + 1]) < now + ARGV[1] then
    local holder = string.sub(fields[i], 7)
    local lost = tonumber(redis.call('HGET', KEYS[1], 'lease:' .. holder) or 0)
    total = total + lost
    redis.call('HDEL', KEYS[1], 'lease:' .. holder, 'last:' .. holder, fields[i])
    if lost > 0 then
      add(KEYS[1], 'spent', lost)
      add(KEYS[1], 'leased', -lost)
      redis.call('HSET', KEYS[1], 'lapsed:' .. holder, lost)
    end
  end
end
return total"""
"""KEYS: account. ARGV: seconds by which the asker is ahead. → micro-dollars that lapsed."""

END: Final = f"""{_STANDING}
local holder, owed = ARGV[1], tonumber(ARGV[2])
local lease, lapsed = redis.call('HGET', KEYS[1], 'lease:' .. holder), redis.call('HGET', KEYS[1], 'lapsed:' .. holder)
if not lease and not lapsed then return 0 end
if lease then add(KEYS[1], 'leased', -lease) end
add(KEYS[1], 'spent', lease and owed or owed - lapsed)
redis.call('HDEL', KEYS[1], 'lease:' .. holder, 'until:' .. holder, 'booked:' .. holder, 'last:' .. holder, 'lapsed:' .. holder)
return owed"""
"""KEYS: account. ARGV: holder, what it owed. → what counts as spent. A lease that has lapsed counted in full; that is put right."""

CORRECT: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local before = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
redis.call('HINCRBY', KEYS[1], 'spent', string.format('%.0f', ARGV[2] - before))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 0"""
"""KEYS: account, its corrections. ARGV: name of the correction, micro-dollars, seconds to keep it."""

ENTER: Final = f"""{_TIME}
local at_once, cost = tonumber(ARGV[1]), {{requests = 1, tokens = tonumber(ARGV[4])}}
if at_once >= 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= at_once then return {{'at_once', '1'}} end
end
local levels = {{}}
for i, what in ipairs({{'requests', 'tokens'}}) do
  local pace = tonumber(ARGV[1 + i])
  if pace >= 0 then
    local used = tonumber(redis.call('HGET', KEYS[1], what .. ':used') or 0)
    local at = tonumber(redis.call('HGET', KEYS[1], what .. ':at') or now)
    used = math.max(0, used - math.max(0, now - at) * pace / 60)
    if used + cost[what] > pace then return {{what, tostring((used + cost[what] - pace) * 60 / pace)}} end
    levels[what] = used + cost[what]
  end
end
for what, used in pairs(levels) do
  redis.call('HSET', KEYS[1], what .. ':used', string.format('%.6f', used), what .. ':at', string.format('%.6f', now))
end
redis.call('EXPIRE', KEYS[1], 3600)
if at_once >= 0 then
  redis.call('ZADD', KEYS[2], string.format('%.6f', now + ARGV[6]), ARGV[5])
  redis.call('EXPIRE', KEYS[2], 3600)
end
return {{'', '0'}}"""
"""KEYS: buckets, requests under way. ARGV: at once, requests and tokens a minute (-1 = no limit), tokens, id, seconds to hold.
→ what is too much ('' = nothing), seconds to wait."""

LEAVE: Final = """
redis.call('ZREM', KEYS[2], ARGV[1])
local used = redis.call('HGET', KEYS[1], 'tokens:used')
if used then redis.call('HSET', KEYS[1], 'tokens:used', string.format('%.6f', math.max(0, used + ARGV[2]))) end
return 0"""
"""KEYS: as ENTER. ARGV: id, tokens used beyond those that were counted."""

POST: Final = """
for i = 1, #ARGV, 3 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  if not old or tonumber(string.match(old, '^[%d.]+')) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
redis.call('EXPIRE', KEYS[1], 3600)
return 0"""
"""KEYS: notices. ARGV: per notice its target, its end in Unix time and the rest."""

TELL: Final = f"""{_TIME}
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.6f %s %s', now + ARGV[4], ARGV[2], ARGV[3]))
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[4]))
return 0"""
"""KEYS: conversation. ARGV: target, tokens that its cache holds, messages, seconds to count on that."""

HEAR: Final = f"""{_TIME}
local heard, fields = {{}}, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local ends, tokens, n_messages = string.match(fields[i + 1], '^(%S+) (%S+) (%S+)$')
  if tonumber(ends) > now then heard[#heard + 1] = {{fields[i], tokens, n_messages, tostring(ends - now)}} end
end
return heard"""
"""KEYS: conversation. → per target its name, tokens, messages, seconds left."""
