"""What Redis does in one step for webhooks: hand out what is due, write down what came of an attempt."""

ANNOUNCE = """
local record, due = KEYS[1], KEYS[2]
local run_id, event, endpoint, now, life_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HSETNX', record, 'endpoint', endpoint) == 1 then
  redis.call('HSET', record, 'event', event)
  redis.call('EXPIRE', record, life_s)
  redis.call('ZADD', due, now, run_id)
end
"""

CLAIM = """
local due, sending = KEYS[1], KEYS[2]
local prefix, now, till = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local most, most_each, candidates = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
redis.call('ZREMRANGEBYSCORE', sending, '-inf', now)
local held = redis.call('ZRANGE', sending, 0, -1)
local busy, found = {}, {}
for _, run_id in ipairs(held) do
  local to = redis.call('HGET', prefix .. run_id, 'endpoint') or ''
  busy[to] = (busy[to] or 0) + 1
end
for _, run_id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, candidates)) do
  local to = redis.call('HGET', prefix .. run_id, 'endpoint')
  if #held + #found / 2 >= most then
    break
  elseif not to then
    redis.call('ZREM', due, run_id)
  elseif (busy[to] or 0) < most_each then
    busy[to] = (busy[to] or 0) + 1
    redis.call('ZADD', due, till, run_id)
    redis.call('ZADD', sending, till, run_id)
    table.insert(found, run_id)
    table.insert(found, redis.call('HINCRBY', prefix .. run_id, 'claim', 1))
  end
end
return found
"""

TAKE = """
local record, due, sending = KEYS[1], KEYS[2], KEYS[3]
local run_id, claim, till = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', record, 'claim') ~= claim or not redis.call('ZSCORE', sending, run_id) then
  return {}
end
redis.call('ZADD', due, till, run_id)
redis.call('ZADD', sending, till, run_id)
return redis.call('HGETALL', record)
"""

SETTLE = """
local record, due, sending = KEYS[1], KEYS[2], KEYS[3]
local run_id, status, next_s, life_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('ZREM', sending, run_id)
if redis.call('HEXISTS', record, 'event') == 0 then
  redis.call('ZREM', due, run_id)
  return
end
redis.call('HINCRBY', record, 'attempts', 1)
redis.call('HSET', record, 'status', status, 'last_status', ARGV[5], 'last_error', ARGV[6])
redis.call('EXPIRE', record, life_s)
if status == 'pending' then
  redis.call('ZADD', due, next_s, run_id)
else
  redis.call('ZREM', due, run_id)
  redis.call('HDEL', record, 'event')
end
"""
