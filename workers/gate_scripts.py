"""What the gate of an upstream does in one step in Redis. All times are the server's, in seconds.

KEYS of each: held and waiting (zsets of tickets), seen (zset of processes), state (hash).
A ticket is PROCESS:NUMBER. state: `next` numbers those who wait, `limit` is the concurrency that 429s
have left, `until` nobody passes, `cut` when it was last halved; `requests` and `tokens` are what the
buckets hold (a tenth of a minute's at most, so that a burst stays small), `filled` when they were filled,
`each` what a call takes of the tokens on average. A ticket's score in held is what was put aside for it.
"""

FORGIVEN_S = 600

GRANT = """
local held, waiting, seen, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6

local function number(field, default)
  return tonumber(redis.call('HGET', state, field) or default)
end

local function forget(process)
  for _, key in ipairs({held, waiting}) do
    for _, ticket in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      if string.sub(ticket, 1, #process + 1) == process .. ':' then
        redis.call('ZREM', key, ticket)
      end
    end
  end
  redis.call('ZREM', seen, process)
end

local function forget_dead()
  for _, process in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now)) do
    forget(process)
  end
end

local function fill(quota)
  local passed = now - number('filled', now)
  for _, what in ipairs({'requests', 'tokens'}) do
    if quota[what] > 0 then
      local most = math.max(1, quota[what] / 10)
      local level = number(what, most) + passed * quota[what] / 60
      redis.call('HSET', state, what, string.format('%.6f', math.min(level, most)))
    end
  end
  redis.call('HSET', state, 'filled', string.format('%.6f', now))
  redis.call('EXPIRE', state, 86400)
end

local function wait_s(quota)
  local longest = math.max(0, number('until', 0) - now)
  if quota.requests > 0 then
    longest = math.max(longest, (1 - number('requests', 0)) * 60 / quota.requests)
  end
  if quota.tokens > 0 and number('tokens', 0) <= 0 then
    longest = math.max(longest, (1 - number('tokens', 0)) * 60 / quota.tokens)
  end
  return longest
end

local function limit_of(quota)
  local most = quota.concurrency > 0 and quota.concurrency or math.huge
  return math.min(most, math.floor(number('limit', math.huge)))
end

local function pass(ticket, quota)
  local aside = 0
  if quota.requests > 0 then
    redis.call('HINCRBYFLOAT', state, 'requests', -1)
  end
  if quota.tokens > 0 then
    aside = number('each', math.min(500, quota.tokens / 10))
    redis.call('HINCRBYFLOAT', state, 'tokens', string.format('%.6f', -aside))
  end
  redis.call('ZADD', held, string.format('%.6f', aside), ticket)
end

local function grant(quota)
  forget_dead()
  fill(quota)
  local free = limit_of(quota) - redis.call('ZCARD', held)
  while free > 0 and wait_s(quota) <= 1e-6 do
    local first = redis.call('ZPOPMIN', waiting)
    if not first[1] then
      return
    end
    pass(first[1], quota)
    local told = ARGV[1] .. string.match(first[1], '^(.*):')
    redis.call('RPUSH', told, first[1])
    redis.call('EXPIRE', told, 60)
    free = free - 1
  end
end

local function quota_at(place)
  return {
    concurrency = tonumber(ARGV[place]), requests = tonumber(ARGV[place + 1]),
    tokens = tonumber(ARGV[place + 2]),
  }
end

local quota = quota_at(2)
"""

ENTER = f"""{GRANT}
local ticket, process, class, lease_s = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('ZADD', seen, now + lease_s, process)
grant(quota)
if redis.call('ZSCORE', held, ticket) then
  return {{1, '0'}}
end
local free = limit_of(quota) - redis.call('ZCARD', held)
local pause_s = wait_s(quota)
if free > 0 and pause_s <= 1e-6 and redis.call('ZCARD', waiting) == 0 then
  pass(ticket, quota)
  return {{1, '0'}}
end
if pause_s > 0 then
  redis.call('RPUSH', ARGV[1] .. process, '')
  redis.call('EXPIRE', ARGV[1] .. process, 60)
end
redis.call('ZADD', waiting, 'NX', class * 1e12 + redis.call('HINCRBY', state, 'next', 1), ticket)
return {{0, tostring(math.max(0, number('until', 0) - now))}}
"""

LEAVE = f"""{GRANT}
local ticket, spent, grown = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
redis.call('ZREM', waiting, ticket)
local aside = redis.call('ZSCORE', held, ticket)
if aside then
  redis.call('ZREM', held, ticket)
  fill(quota)
  if quota.tokens > 0 then
    local each = number('each', aside)
    redis.call('HINCRBYFLOAT', state, 'tokens', string.format('%.6f', aside - spent))
    redis.call('HSET', state, 'each', string.format('%.6f', 0.9 * each + 0.1 * spent))
  end
  local limit = number('limit', math.huge)
  if grown > 0 and limit < math.huge then
    redis.call('HSET', state, 'limit', string.format('%.6f', limit + grown / math.max(1, limit)))
    local is_back = quota.concurrency > 0 and limit >= quota.concurrency
    if is_back or now - number('cut', now) > {FORGIVEN_S} then
      redis.call('HDEL', state, 'limit')
    end
  end
end
grant(quota)
return 1
"""

BUSY = f"""{GRANT}
local retry_after_s, calm_s = tonumber(ARGV[5]), tonumber(ARGV[6])
redis.call('HSET', state, 'until', string.format('%.6f', math.max(number('until', 0), now + retry_after_s)))
if now - number('cut', 0) >= calm_s then
  local limit = math.min(limit_of(quota), math.max(1, redis.call('ZCARD', held)))
  redis.call('HSET', state, 'limit', math.max(1, math.floor(limit / 2)), 'cut', string.format('%.6f', now))
end
redis.call('EXPIRE', state, 86400)
return redis.call('HGET', state, 'limit')
"""

TEND = f"""{GRANT}
local process, lease_s = ARGV[5], tonumber(ARGV[6])
redis.call('ZADD', seen, now + lease_s, process)
grant(quota)
local pause_s = redis.call('ZCARD', waiting) > 0 and wait_s(quota) or -1
return tostring(pause_s)
"""
