"""Admission and charging, each in one step of Redis, so that several web processes count as one.

A pace is a hash: how many in each second of the last minute. What was taken into a waiting line is in
three keys: `runs` (run to "traces|owner"), `till` (run by the time after which it is given up), `held`
(owner to traces, "*" for all).
"""

PACED = """
local function paced(name, now)
  local found, kept, total = redis.call('HGETALL', name), {}, 0
  for place = 1, #found, 2 do
    local second, count = tonumber(found[place]), tonumber(found[place + 1])
    if second > now - 60 then
      total = total + count
      kept[#kept + 1] = {second, count}
    end
  end
  table.sort(kept, function(one, other) return one[1] < other[1] end)
  return total, kept
end
local function pace(name, count, now)
  for _, field in ipairs(redis.call('HKEYS', name)) do
    if tonumber(field) <= now - 60 then
      redis.call('HDEL', name, field)
    end
  end
  redis.call('HINCRBY', name, math.floor(now), count)
  redis.call('EXPIRE', name, 61)
end
"""

RELEASED = """
local function release(runs, till, held, run_id)
  local entry = redis.call('HGET', runs, run_id)
  if not entry then
    return 0
  end
  redis.call('HDEL', runs, run_id)
  redis.call('ZREM', till, run_id)
  local count, owner = string.match(entry, '^(%d+)|(.*)$')
  for _, whose in ipairs({owner, '*'}) do
    if redis.call('HINCRBY', held, whose, -tonumber(count)) <= 0 then
      redis.call('HDEL', held, whose)
    end
  end
  return tonumber(count)
end
"""

RELEASE = f"""{RELEASED}
return release(KEYS[1], KEYS[2], KEYS[3], ARGV[1])
"""

CHARGE = f"""{PACED}{RELEASED}
local function charge(names, owner, run_id, bill)
  local count = release(names.runs, names.till, names.held, run_id)
  if count > 0 then
    pace(names.drained, count, bill.now)
  end
  if not owner or owner == '' then
    return
  end
  local spent = bill.spent .. ':' .. owner .. ':' .. bill.day
  redis.call('HINCRBY', spent, 'runs', 1)
  redis.call('HINCRBY', spent, 'tokens', bill.tokens)
  redis.call('HINCRBYFLOAT', spent, 'usd', bill.usd)
  redis.call('EXPIRE', spent, 259200)
  if count > 0 and bill.tokens > 0 then
    pace(bill.pace .. ':' .. owner .. ':tokens', bill.tokens, bill.now)
  end
end
"""

STANDING = f"""{PACED}
local found = {{}}
for place, name in ipairs(KEYS) do
  local total, kept = paced(name, tonumber(ARGV[1]))
  found[place] = {{total, kept[#kept] and kept[#kept][1] or 0}}
end
return found
"""

ADMIT = f"""{PACED}{RELEASED}
local runs, till, held, drained = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local requests, tokens, spent = KEYS[5], KEYS[6], KEYS[7]
local run_id, owner, more, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local until_s, capacity, is_shared = ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
local most_requests, most_tokens = tonumber(ARGV[8]), tonumber(ARGV[9])
local daily_tokens, daily_usd = tonumber(ARGV[10]), tonumber(ARGV[11])
local function wait_for(name, limit)
  local total, kept = paced(name, now)
  local wait_s = 0
  for _, bucket in ipairs(kept) do
    if total < limit then break end
    total, wait_s = total - bucket[2], bucket[1] + 60 - now
  end
  return wait_s
end
if redis.call('HEXISTS', runs, run_id) == 1 then
  return {{'admitted', '', '', ''}}
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', till, '-inf', now, 'LIMIT', 0, 16)) do
  release(runs, till, held, old)
end
local used = tonumber(redis.call('HGET', spent, 'tokens') or 0)
if daily_tokens and used >= daily_tokens then
  return {{'daily_tokens', '', '', ''}}
end
if daily_usd and tonumber(redis.call('HGET', spent, 'usd') or 0) >= daily_usd then
  return {{'daily_usd', '', '', ''}}
end
local wait_s = most_requests and wait_for(requests, most_requests) or 0
if wait_s > 0 then
  return {{'requests', tostring(wait_s), '', ''}}
end
wait_s = most_tokens and wait_for(tokens, most_tokens) or 0
if wait_s > 0 then
  return {{'tokens', tostring(wait_s), '', ''}}
end
local all = tonumber(redis.call('HGET', held, '*') or 0)
local own = tonumber(redis.call('HGET', held, owner) or 0)
local excess = all + more - capacity
if is_shared then
  excess = math.max(excess, all + own + 2 * more - capacity)
end
if all > 0 and excess > 0 then
  local through, kept = paced(drained, now)
  local span_s = kept[1] and now - kept[1][1] + 1 or 60
  local word = all + more > capacity and 'full' or 'share'
  return {{word, '', tostring(excess), tostring(through / span_s)}}
end
redis.call('HSET', runs, run_id, more .. '|' .. owner)
redis.call('ZADD', till, until_s, run_id)
redis.call('HINCRBY', held, owner, more)
redis.call('HINCRBY', held, '*', more)
if most_requests then
  pace(requests, 1, now)
end
return {{'admitted', daily_tokens and tostring(daily_tokens - used) or '', '', ''}}
"""
