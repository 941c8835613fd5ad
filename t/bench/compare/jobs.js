// Copyright (C) the Hyperlight for nginx authors
//
// jobs.js: the jobs of jobs.c for njs: in JavaScript alone, and with what njs
// has built in.

import crypto from 'crypto';


const K = [
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
];


function block(s, p, at, w) {
    for (let i = 0; i < 16; i++, at += 4) {
        w[i] = p[at] << 24 | p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3];
    }

    for (let i = 16; i < 64; i++) {
        const x = w[i - 2], y = w[i - 15];
        w[i] = ((x >>> 17 | x << 15) ^ (x >>> 19 | x << 13) ^ x >>> 10)
               + w[i - 7] + w[i - 16]
               + ((y >>> 7 | y << 25) ^ (y >>> 18 | y << 14) ^ y >>> 3) | 0;
    }

    let a = s[0], b = s[1], c = s[2], d = s[3];
    let e = s[4], f = s[5], g = s[6], h = s[7];

    for (let i = 0; i < 64; i++) {
        const t1 = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21)
                        ^ (e >>> 25 | e << 7))
                   + (e & f ^ ~e & g) + K[i] + w[i] | 0;
        const t2 = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19)
                    ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;

        h = g; g = f; f = e; e = d + t1 | 0;
        d = c; c = b; b = a; a = t1 + t2 | 0;
    }

    s[0] = s[0] + a | 0; s[1] = s[1] + b | 0;
    s[2] = s[2] + c | 0; s[3] = s[3] + d | 0;
    s[4] = s[4] + e | 0; s[5] = s[5] + f | 0;
    s[6] = s[6] + g | 0; s[7] = s[7] + h | 0;
}


function sha256_hex(p) {
    const s = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    const w = new Array(64).fill(0);
    const whole = p.length & ~63;

    for (let at = 0; at < whole; at += 64) {
        block(s, p, at, w);
    }

    const rest = p.length - whole;
    const tail = rest < 56 ? 64 : 128;
    const last = new Array(tail).fill(0);

    for (let i = 0; i < rest; i++) {
        last[i] = p[whole + i];
    }

    last[rest] = 0x80;

    for (let i = 0, bits = p.length * 8; i < 6; i++) {
        last[tail - 1 - i] = bits % 256;
        bits = Math.floor(bits / 256);
    }

    for (let at = 0; at < tail; at += 64) {
        block(s, last, at, w);
    }

    return s.map(x => ('0000000' + (x >>> 0).toString(16)).slice(-8)).join('');
}


function hello(r) {
    r.headersOut['Content-Type'] = 'text/plain';
    r.return(200, 'Hello, bench!\n');
}


function echo(r) {
    r.headersOut['Content-Type'] = 'text/plain';
    r.return(200, r.requestBuffer);
}


function headers(r) {
    let text = '';

    for (let i = 8; i > 0; i--) {
        text += r.headersIn['X-' + i] + ' ';
    }

    r.headersOut['Content-Type'] = 'text/plain';
    r.return(200, text);
}


function sha256(r) {
    r.return(200, sha256_hex(r.requestBuffer));
}


function sha256_built_in(r) {
    r.return(200, crypto.createHash('sha256').update(r.requestBuffer)
                  .digest('hex'));
}


const NAMES = { mail: 'email', zip: 'postcode', password: null, token: null };

function json(r) {
    let total = 0;

    function rewrite(value) {
        if (Array.isArray(value)) {
            return value.map(rewrite);
        }

        if (value === null || typeof value != 'object') {
            return value;
        }

        const out = {};

        Object.keys(value).forEach(name => {
            const renamed = NAMES[name];

            if (renamed === null) {
                return;
            }

            if (name == 'amount') {
                total += value[name];
            }

            out[renamed || name] = rewrite(value[name]);
        });

        return out;
    }

    const data = rewrite(JSON.parse(r.requestText));

    r.return(200, JSON.stringify({ total: total, data: data }) + '\n');
}


function mandelbrot(r) {
    const size = 128, limit = 256;
    let sum = 0;

    for (let y = 0; y < size; y++) {
        const ci = -1.25 + 2.5 * y / size;

        for (let x = 0; x < size; x++) {
            const cr = -2.0 + 2.5 * x / size;
            let zr = 0, zi = 0, rr = 0, ii = 0, n = 0;

            for ( ; n < limit && rr + ii <= 4; n++) {
                zi = 2 * zr * zi + ci;
                zr = rr - ii + cr;
                rr = zr * zr;
                ii = zi * zi;
            }

            sum += n;
        }
    }

    r.return(200, sum + '');
}


export default { hello, echo, headers, sha256, sha256_built_in, json,
                 mandelbrot };
