/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * csv.rs: a guest in Rust.  It turns a table (CSV, RFC 4180, UTF-8) in the
 * request's body into a JSON array of objects, named by the first line:
 *
 *     name,city          [{"name":"Ada","city":"London"},
 *     Ada,London    ->   {"name":"Bob","city":"Paris"}]
 *     Bob,Paris
 *
 * A table that is not well formed is answered with 400 and the line.
 *
 * A guest in Rust has core, no std, and the guest library by its C header.
 * When it panics the request ends, and nginx does not.
 *
 *     rustc --edition 2021 --crate-type staticlib -C panic=abort \
 *         -C relocation-model=static -O csv.rs
 *     hlcc -o csv.elf -Wl,-u,hyperlight_main libcsv.a
 *
 *     hyperlight_pass csv csv;
 */

#![no_std]

use core::fmt::{self, Write};
use core::panic::PanicInfo;

/* A long name and many short lines make much of little; what is over the
 * guest's "output" in nginx.conf, 128 KiB if not set, would be a 502. */
const OUTPUT_MAX: usize = 120 * 1024;

/* ---- from hyperlight_http.h, with the types that are the same in Rust --- */

const HL_ERROR_CODE_UNKNOWN_ERROR: i32 = 8;

#[repr(C)]
struct Request {
    opaque: [u8; 0],
}

#[repr(C)]
struct Response {
    opaque: [u8; 0],
}

#[repr(C)]
struct View {
    data: *const u8,
    len: usize,
}

type Handler = extern "C" fn(req: &Request, resp: &mut Response);

#[rustfmt::skip]
extern "C" {
    fn hl_http_register(name: *const u8, handler: Handler);
    fn hl_http_body(req: &Request) -> View;
    fn hl_http_set_status(resp: &mut Response, status: u32) -> i32;
    fn hl_http_add_header(resp: &mut Response, name: *const u8,
                          value: *const u8) -> i32;
    fn hl_http_write(resp: &mut Response, data: *const u8, len: usize) -> i32;
    fn hl_abort_with_code_and_message(err: i32, message: *const u8) -> !;
}

/* ---- where text goes ---------------------------------------------------- */

/* The response's body: gathered, since each hl_http_write() has a cost. */
struct Body<'a> {
    resp: &'a mut Response,
    data: [u8; 2048],
    len: usize,
}

impl Body<'_> {
    fn flush(&mut self) {
        unsafe { hl_http_write(self.resp, self.data.as_ptr(), self.len) };
        self.len = 0;
    }
}

impl Write for Body<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.len == self.data.len() {
                self.flush();
            }

            self.data[self.len] = byte;
            self.len += 1;
        }

        Ok(())
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/* Nowhere, for a first pass that finds out whether all is well. */
struct Count(usize);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();

        if self.0 <= OUTPUT_MAX {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/* A string for C, cut if it is too long. */
struct Message([u8; 256], usize);

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().take(self.0.len() - 1 - self.1) {
            self.0[self.1] = byte;
            self.1 += 1;
        }

        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let mut text = Message([0; 256], 0);
    let _ = write!(text, "{info}");

    unsafe {
        let code = HL_ERROR_CODE_UNKNOWN_ERROR;
        hl_abort_with_code_and_message(code, text.0.as_ptr())
    }
}

/* ---- from CSV to JSON --------------------------------------------------- */

enum Error {
    Line(usize),
    TooLong,
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Error::TooLong
    }
}

struct Table<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Table<'a> {
    /* The next field, with its quotes if it has any. */
    fn field(&mut self) -> Result<&'a str, Error> {
        let len = if self.rest.starts_with('"') {
            self.quoted_len()?
        } else {
            let end = self.rest.find([',', '\r', '\n']);
            end.unwrap_or(self.rest.len())
        };

        let (field, rest) = self.rest.split_at(len);

        if !field.starts_with('"') && field.contains('"') {
            return Err(Error::Line(self.line));
        }

        self.rest = rest;
        self.line += field.matches('\n').count();

        Ok(field)
    }

    fn quoted_len(&self) -> Result<usize, Error> {
        let mut len = 1;

        /* Two quotes are one inside the field. */
        while let Some(n) = self.rest[len..].find('"') {
            len += n + 1;

            if !self.rest[len..].starts_with('"') {
                return Ok(len);
            }

            len += 1;
        }

        Err(Error::Line(self.line))
    }

    /* Passes what ends a field.  Is there another one in this row? */
    fn more(&mut self) -> Result<bool, Error> {
        for (end, more) in [(",", true), ("\r\n", false), ("\n", false)] {
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                self.line += !more as usize;

                return Ok(more);
            }
        }

        if self.rest.is_empty() {
            Ok(false)
        } else {
            Err(Error::Line(self.line))
        }
    }
}

fn write_string(out: &mut impl Write, field: &str) -> fmt::Result {
    let mut inside = field;

    if let Some(rest) = field.strip_prefix('"') {
        inside = &rest[..rest.len() - 1];
    }

    out.write_char('"')?;

    let mut chars = inside.chars();

    while let Some(c) = chars.next() {
        match c {
            '"' => {
                chars.next();
                out.write_str("\\\"")?
            }
            '\\' => out.write_str("\\\\")?,
            '\0'..='\x1f' => write!(out, "\\u{:04x}", c as u32)?,
            _ => out.write_char(c)?,
        }
    }

    out.write_char('"')
}

fn convert(text: &str, out: &mut impl Write) -> Result<(), Error> {
    let mut rows = Table { rest: text, line: 1 };
    let mut comma = "";

    loop {
        rows.field()?;

        if !rows.more()? {
            break;
        }
    }

    out.write_char('[')?;

    while !rows.rest.is_empty() {
        let mut names = Table { rest: text, line: 1 };

        write!(out, "{comma}{{")?;
        comma = ",\n";

        loop {
            write_string(out, names.field()?)?;
            out.write_char(':')?;
            write_string(out, rows.field()?)?;

            let line = rows.line;
            let more = rows.more()?;

            if names.more()? != more {
                return Err(Error::Line(line));
            }

            if !more {
                break;
            }

            out.write_char(',')?;
        }

        out.write_char('}')?;
    }

    out.write_str("]\n")?;

    Ok(())
}

/* ---- the request -------------------------------------------------------- */

extern "C" fn csv(req: &Request, resp: &mut Response) {
    let body = unsafe {
        let view = hl_http_body(req);
        core::slice::from_raw_parts(view.data, view.len)
    };

    let checked = match core::str::from_utf8(body) {
        Ok(text) => convert(text, &mut Count(0)).map(|_| text),
        Err(error) => {
            let valid = &body[..error.valid_up_to()];
            let lines = valid.iter().filter(|&&c| c == b'\n').count();

            Err(Error::Line(lines + 1))
        }
    };

    let (status, kind) = match checked {
        Ok(_) => (200, "application/json\0"),
        Err(Error::Line(_)) => (400, "text/plain\0"),
        Err(Error::TooLong) => (413, "text/plain\0"),
    };

    unsafe {
        hl_http_set_status(resp, status);
        hl_http_add_header(resp, "Content-Type\0".as_ptr(), kind.as_ptr());
    }

    let mut out = Body { resp, data: [0; 2048], len: 0 };

    let _ = match checked {
        Ok(text) => convert(text, &mut out).map_err(|_| fmt::Error),
        Err(Error::Line(n)) => writeln!(out, "line {n}: not a table"),
        Err(Error::TooLong) => writeln!(out, "the answer is too long"),
    };
}

#[no_mangle]
pub extern "C" fn hyperlight_main() {
    unsafe { hl_http_register("csv\0".as_ptr(), csv) };
}
