"""Steps of flights that Redis takes as one.

A flight is a text that outlives its process by seconds: `TOKEN FAILED_BEFORE` while it is under way, and for as long afterwards
`TOKEN FAILED_BEFORE LANDING`, if those that follow it have to be told more than that it is over.
"""

from __future__ import annotations

from typing import Final

CLAIM: Final = """
local answer = redis.call('GET', KEYS[1])
if answer and (ARGV[4] == '' or redis.sha1hex(answer) ~= ARGV[4]) then return {answer, ''} end
local flight = redis.call('GET', KEYS[2])
if flight then
  local failed_before, landing = string.match(flight, '^%S+ (%d+) ?(%S*)$')
  local n_failed = tonumber(ARGV[5])
  local has_followed = ARGV[3] == '1' or failed_before and n_failed > 0 and tonumber(failed_before) >= n_failed
  if landing == '' or failed_before and has_followed then return {false, flight} end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {false, ''}"""
"""KEYS: answer, flight. ARGV: flight of the asker, milliseconds, 1 = it has followed a flight, SHA-1 of an answer that will not do, flights
that failed it already. → the answer, else the flight of somebody else, else neither: the asker leads. Of a flight that is over only those
are told who followed it or one before it."""

RENEW: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0"""
"""KEYS: flight. ARGV: flight of the asker, milliseconds."""

LAND: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[3], 'PX', ARGV[2])
return 1"""
"""KEYS: flight. ARGV: flight of the asker, milliseconds, landing ('' = there is no more to say)."""
