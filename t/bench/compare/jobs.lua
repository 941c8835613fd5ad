-- Copyright (C) the Hyperlight for nginx authors
--
-- jobs.lua: the jobs of jobs.c for nginx's Lua module, on LuaJIT.  JSON is
-- lua-cjson's, in C, since that is what is used.

local bit = require "bit"
local cjson = require "cjson"

local band, bnot, bxor = bit.band, bit.bnot, bit.bxor
local ror, rshift, lshift, bor = bit.ror, bit.rshift, bit.lshift, bit.bor
local tobit = bit.tobit
local byte, char, rep = string.byte, string.char, string.rep

local K = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
}


local function block(s, p, at, w)
    for i = 1, 16 do
        local a, b, c, d = byte(p, at, at + 3)
        w[i] = bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
        at = at + 4
    end

    for i = 17, 64 do
        local x, y = w[i - 2], w[i - 15]
        w[i] = tobit(bxor(ror(x, 17), ror(x, 19), rshift(x, 10))
                     + w[i - 7] + w[i - 16]
                     + bxor(ror(y, 7), ror(y, 18), rshift(y, 3)))
    end

    local a, b, c, d, e, f, g, h = s[1], s[2], s[3], s[4], s[5], s[6], s[7],
                                   s[8]

    for i = 1, 64 do
        local t1 = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25))
                         + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i])
        local t2 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
                   + bxor(band(a, b), band(a, c), band(b, c))

        h, g, f, e = g, f, e, tobit(d + t1)
        d, c, b, a = c, b, a, tobit(t1 + t2)
    end

    s[1], s[2] = tobit(s[1] + a), tobit(s[2] + b)
    s[3], s[4] = tobit(s[3] + c), tobit(s[4] + d)
    s[5], s[6] = tobit(s[5] + e), tobit(s[6] + f)
    s[7], s[8] = tobit(s[7] + g), tobit(s[8] + h)
end


local function sha256_hex(p)
    local s = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }
    local w = {}
    local rest = #p % 64
    local bits = #p * 8
    local length = ""

    for _ = 1, 8 do
        length = char(bits % 256) .. length
        bits = math.floor(bits / 256)
    end

    p = p .. "\128" .. rep("\0", (rest < 56 and 55 or 119) - rest) .. length

    for at = 1, #p, 64 do
        block(s, p, at, w)
    end

    for i = 1, 8 do
        s[i] = bit.tohex(s[i])
    end

    return table.concat(s)
end


local function say(text)
    ngx.header.content_type = "text/plain"
    ngx.header.content_length = #text
    ngx.print(text)
end


local function body()
    ngx.req.read_body()
    return ngx.req.get_body_data() or ""
end


local names = { mail = "email", zip = "postcode", password = false,
                token = false }

local function rewrite(value, total)
    if type(value) ~= "table" then
        return value, total
    end

    local out = setmetatable({}, getmetatable(value))

    for name, member in pairs(value) do
        local renamed = names[name]

        if renamed ~= false then
            if name == "amount" then
                total = total + member
            end

            out[renamed or name], total = rewrite(member, total)
        end
    end

    return out, total
end


local jobs = {}


function jobs.hello()
    say("Hello, bench!\n")
end


function jobs.echo()
    say(body())
end


function jobs.headers()
    local text, headers = {}, ngx.req.get_headers()

    for i = 8, 1, -1 do
        text[#text + 1] = headers["X-" .. i] .. " "
    end

    say(table.concat(text))
end


function jobs.sha256()
    say(sha256_hex(body()))
end


function jobs.json()
    local data, total = rewrite(cjson.decode(body()), 0)

    say(cjson.encode({ total = total, data = data }) .. "\n")
end


function jobs.mandelbrot()
    local size, limit, sum = 128, 256, 0

    for y = 0, size - 1 do
        local ci = -1.25 + 2.5 * y / size

        for x = 0, size - 1 do
            local cr = -2.0 + 2.5 * x / size
            local zr, zi, rr, ii, n = 0, 0, 0, 0, 0

            while n < limit and rr + ii <= 4 do
                zi = 2 * zr * zi + ci
                zr = rr - ii + cr
                rr = zr * zr
                ii = zi * zi
                n = n + 1
            end

            sum = sum + n
        end
    end

    say(tostring(sum))
end


return jobs
