#!/usr/bin/env python3
"""Writes the seeds under Tests/Fuzz/corpora: small inputs, right and nearly right, for each target.

Files called fault-… are inputs that once were a fault, and are kept by hand; everything else in these folders is written
anew. With the standard library alone, and always the same bytes.
"""
import json
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent
CORPORA = HERE / "corpora"
PICTURES = HERE.parent / "ImagingTests" / "Goldens"
# Modes of cutting: whole pieces of 1 + the low half, growing by the high half (FuzzTarget.swift).
CUTS = [0x00, 0x02, 0x13, 0x7F]


def write(target: str, inputs: dict[str, bytes]) -> None:
    folder = CORPORA / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.name.startswith("fault-"):
            old.unlink()
    for name, content in inputs.items():
        (folder / name).write_bytes(content)
    print(f"{target}: {len(inputs)} inputs, {sum(map(len, inputs.values()))} bytes")


# HTTP/1.1

def http1() -> dict[str, bytes]:
    host = "Host: localhost:8080\r\n"
    chunked = "Transfer-Encoding: chunked\r\n\r\n"
    texts = {
        "get": f"GET / HTTP/1.1\r\n{host}\r\n",
        "query": f"GET /v1/results?model=gate&limit=10&after=a%2Fb HTTP/1.1\r\n{host}\r\n",
        "pipelined": f"GET /a HTTP/1.1\r\n{host}\r\nGET /b HTTP/1.1\r\n{host}\r\n",
        "length": f"POST /v1/images HTTP/1.1\r\n{host}Content-Length: 11\r\n\r\nhello worldGET / HTTP/1.1\r\n{host}\r\n",
        "empty-content": f"POST / HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n",
        "chunks": f"POST / HTTP/1.1\r\n{host}{chunked}5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
        "chunk-extensions": f"POST / HTTP/1.1\r\n{host}{chunked}1 ; a ; b=\"c;\\\"d\" \r\nx\r\n0;e\r\nTrailer: t\r\n\r\n",
        "chunk-huge": f"POST / HTTP/1.1\r\n{host}{chunked}7fffffffffffffff\r\n",
        "chunk-overflow": f"POST / HTTP/1.1\r\n{host}{chunked}ffffffffffffffff\r\n",
        "chunk-zeros": f"POST / HTTP/1.1\r\n{host}{chunked}0000000000000001\r\nx\r\n00\r\n\r\n",
        "chunk-bad-end": f"POST / HTTP/1.1\r\n{host}{chunked}1\r\nxy\r\n0\r\n\r\n",
        "chunk-open-quote": f"POST / HTTP/1.1\r\n{host}{chunked}1;a=\"\r\nx\r\n0\r\n\r\n",
        "both-framings": f"POST / HTTP/1.1\r\n{host}Content-Length: 5\r\n{chunked}0\r\n\r\n",
        "two-lengths": f"POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "length-signed": f"POST / HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\nhello",
        "length-overflow": f"POST / HTTP/1.1\r\n{host}Content-Length: 9223372036854775808\r\n\r\n",
        "coding-unknown": f"POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "absolute": "GET http://localhost:8080/a/../b?c HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
        "absolute-other": "GET http://other/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "asterisk": f"OPTIONS * HTTP/1.1\r\n{host}\r\n",
        "http10": "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "http2-version": f"GET / HTTP/2.0\r\n{host}\r\n",
        "preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "expect": f"POST / HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "folded": f"GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n",
        "space-before-colon": "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "lf-alone": "GET / HTTP/1.1\nHost: localhost\n\n",
        "cr-alone": "GET / HTTP/1.1\r\nHost: local\rhost\r\n\r\n",
        "empty-lines": f"\r\n\r\nGET / HTTP/1.1\r\n{host}\r\n",
        "ipv6": "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "host-bad": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "no-host": "GET / HTTP/1.1\r\nA: b\r\n\r\n",
        "percent": f"GET /%2e%2e/%00/%zz/%C3%A9 HTTP/1.1\r\n{host}\r\n",
        "many-fields": f"GET / HTTP/1.1\r\n{host}" + "A: b\r\n" * 13 + "\r\n",
        "long-line": f"GET /{'a' * 220} HTTP/1.1\r\n{host}\r\n",
        "latin1": f"GET / HTTP/1.1\r\n{host}A: \u00e9\t\u00ff\r\n\r\n",
        "connection-close": f"GET / HTTP/1.1\r\n{host}Connection: close, Keep-Alive\r\n\r\n",
    }
    return {name: bytes([CUTS[index % 4]]) + text.encode("latin-1") for index, (name, text) in enumerate(texts.items())}


# HTTP/2

def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def http2() -> dict[str, bytes]:
    host = b"\x41\x09localhost"
    get, post = b"\x82\x86\x84" + host, b"\x83\x86\x84" + host
    path = lambda text: b"\x83\x86\x04" + bytes([len(text)]) + text + host
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    data = lambda stream, content, end=True: frame(0, int(end), stream, content)
    cases = {
        "get": frame(1, 5, 1, get),
        "post": frame(1, 4, 1, post) + data(1, b"hello"),
        "post-in-pieces": frame(1, 4, 1, post) + data(1, b"he", False) + data(1, b"", False) + data(1, b"llo"),
        "streamed": frame(1, 4, 1, path(b"/s")) + data(1, b"x" * 300),
        "aborted": frame(1, 5, 1, path(b"/a")),
        "refused-path": frame(1, 5, 1, path(b"/" + b"a" * 50)),
        "two-streams": frame(1, 4, 1, post) + frame(1, 4, 3, post) + data(3, b"3") + data(1, b"1"),
        "out-of-order": frame(1, 5, 3, get) + frame(1, 5, 1, get),
        "trailers": frame(1, 4, 1, post) + data(1, b"x", False) + frame(1, 5, 1, literal(b"a", b"b")),
        "trailers-without-end": frame(1, 4, 1, post) + frame(1, 4, 1, literal(b"a", b"b")),
        "continuation": frame(1, 1, 1, get[:3]) + frame(9, 4, 1, get[3:]),
        "continuations": frame(1, 1, 1, b"") + frame(9, 0, 1, b"") * 9 + frame(9, 4, 1, get),
        "padded": frame(1, 0xD, 1, b"\x02" + get + b"\0\0"),
        "padding-too-long": frame(1, 0xD, 1, b"\xFF" + get),
        "priority": frame(1, 0x25, 1, b"\0\0\0\0\x10" + get) + frame(2, 0, 1, b"\0\0\0\0\1"),
        "priority-on-self": frame(2, 0, 1, b"\0\0\0\1\1"),
        "settings": frame(4, 0, 0, struct.pack(">HIHIHI", 4, 0, 5, 16384, 1, 0)) + frame(1, 5, 1, get),
        "settings-bad": frame(4, 0, 0, struct.pack(">HI", 4, 0xFFFFFFFF)),
        "settings-length": frame(4, 0, 0, b"\0\1\0"),
        "settings-ack": frame(4, 1, 0) + frame(4, 1, 0),
        "ping": frame(6, 0, 0, b"12345678") + frame(6, 1, 0, b"farewell"),
        "pings": frame(6, 0, 0, b"12345678") * 60,
        "resets": b"".join(frame(1, 5, 2 * n + 1, get) + frame(3, 0, 2 * n + 1, b"\0\0\0\x08") for n in range(30)),
        "reset-idle": frame(3, 0, 5, b"\0\0\0\x08"),
        "goaway": frame(7, 0, 0, struct.pack(">II", 0, 0) + b"bye") + frame(1, 5, 1, get),
        "window": frame(8, 0, 0, struct.pack(">I", 1000)) + frame(1, 4, 1, post) + frame(8, 0, 1, struct.pack(">I", 5)),
        "window-overflow": frame(8, 0, 0, struct.pack(">I", 0x7FFFFFFF)),
        "window-zero": frame(1, 4, 1, post) + frame(8, 0, 1, b"\0\0\0\0"),
        "push": frame(5, 4, 1, b"\0\0\0\2" + get),
        "unknown-frame": frame(0xAB, 0xFF, 7, b"what") + frame(1, 5, 1, get),
        "length-lies": frame(1, 4, 1, post + literal(b"content-length", b"9")) + data(1, b"x"),
        "length-huge": frame(1, 4, 1, post + literal(b"content-length", b"9223372036854775808")) + data(1, b"x"),
        "content-too-large": frame(1, 4, 1, post) + data(1, b"x" * 5001),
        "upper-case": frame(1, 5, 1, get + literal(b"A", b"b")),
        "connection-field": frame(1, 5, 1, get + literal(b"connection", b"close")),
        "pseudo-twice": frame(1, 5, 1, get + b"\x82"),
        "pseudo-unknown": frame(1, 5, 1, get + literal(b":a", b"b")),
        "two-hosts": frame(1, 5, 1, get + literal(b"host", b"other")),
        "expect": frame(1, 4, 1, post + literal(b"expect", b"100-continue")) + data(1, b"x"),
        "table": frame(1, 5, 1, get + b"\x40\x01a\x01b") + frame(1, 5, 3, get + b"\xbe"),
        "table-size": frame(1, 5, 1, b"\x3f\xe1\x1f" + get),
        "table-index-bad": frame(1, 5, 1, get + b"\xff\xff\xff\xff\x7f"),
        "huffman": frame(1, 5, 1, b"\x82\x86\x84\x41\x86\xa0\xe4\x1d\x13\x9d\x09"),
        "huffman-bad": frame(1, 5, 1, get + b"\x00\x81\xff\x81\xff"),
        "large-field": frame(1, 5, 1, get + b"\x00\x01a\x7f\xe9\x07" + b"x" * 1128),
        "frame-too-large": struct.pack(">I", 16385)[1:] + b"\0\0\0\0\0\1" + b"x" * 50,
        "own-preface": preface + frame(4, 0, 0) + frame(1, 5, 1, get),
        "no-settings": preface + frame(1, 5, 1, get),
    }
    inputs = {}
    for index, (name, content) in enumerate(cases.items()):
        whole = name in ("own-preface", "no-settings")
        inputs[name] = bytes([0x93 if whole else [0x04, 0x13, 0x7F, 0x00][index % 4]]) + content
    return inputs


# Forms

def multipart() -> dict[str, bytes]:
    type_line = b"multipart/form-data; boundary=xyz\n"
    part = lambda name, content, more=b"": b'--xyz\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + content + b"\r\n"
    end = b"--xyz--\r\n"
    return {
        "one": type_line + part(b"image", b"\x89PNG\r\n\x1a\n") + end,
        "several": type_line + part(b"image", b"x", b'; filename="a.png"\r\nContent-Type: image/png') + part(b"seed", b"1") + end,
        "request": type_line + part(b"request", b'{"model": "gate"}', b"\r\nContent-Type: application/json") + end,
        "preamble": type_line + b"before\r\n" + part(b"a", b"b") + end + b"after",
        "empty": type_line + end,
        "empty-part": type_line + b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n--xyz--',
        "no-header": type_line + b"--xyz\r\n\r\n\r\n" + end,
        "header-is-delimiter": type_line + b"--xyz\r\n\r\n--xyz--",
        "no-name": type_line + b"--xyz\r\nContent-Disposition: form-data\r\n\r\na\r\n" + end,
        "twice": type_line + part(b"a", b"1") + part(b"a", b"2") + end,
        "many": type_line + b"".join(part(b"p%d" % n, b"") for n in range(65)) + end,
        "cut-off": type_line + part(b"a", b"1")[:-6],
        "cut-off-delimiter": type_line + part(b"a", b"1") + b"--xy",
        "padding": type_line + b'--xyz \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xyz-- ',
        "nearly": type_line + part(b"a", b"\r\n--xy\r\n-xyz\r\n\r\n--xyzz") + end,
        "line-feeds": (type_line + part(b"a", b"1") + end).replace(b"\r\n", b"\n"),
        "base64": type_line + part(b"a", b"MQ==", b"\r\nContent-Transfer-Encoding: base64") + end,
        "attachment": type_line + b'--xyz\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n' + end,
        "quotes": b'multipart/form-data; boundary="x y;\\"z"; a=b\n--x y;"z\r\nContent-Disposition: form-data; name="\\"a;\\\\"\r\n\r\n1\r\n--x y;"z--',
        "utf8-name": type_line + part("né🙂".encode(), b"1") + end,
        "bad-utf8": type_line + part(b"\xff\xfe", b"1") + end,
        "long-header": type_line + part(b"a" * 9000, b"1") + end,
        "no-boundary": b"multipart/form-data\n--\r\n",
        "empty-boundary": b'multipart/form-data; boundary=""\n--\r\n\r\n',
        "long-boundary": b"multipart/form-data; boundary=" + b"b" * 71 + b"\n",
        "dashes": b"multipart/form-data; boundary=-----\n-------\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n---------\r\n-------",
        "other-type": b"text/plain; charset=utf-8\nhello",
        "no-type": b"\n--xyz\r\n",
    }


# JSON

CAPTION = {"model": "gate", "image": "sha256:" + "a" * 64, "prompt": {"preset": "caption"}, "max_tokens": 60, "temperature": 0.5,
           "top_p": 0.9, "seed": 7, "top_logprobs": 3, "stop": ["a", "\n"], "interventions": None, "receipt": "full"}
INTERVENTIONS = {
    "knockouts": [{"queries": "text", "keys": ["eoi", 3, "1..<4"], "layers": "all", "heads": [0, 2], "mode": "zero"},
                  {"keys": "image[1,*]", "queries": "all", "layers": {"each_of": [0, 2]}, "mode": "mask"}],
    "patches": [{"site": "resid_in", "layers": [1], "positions": "eoi", "source": {"image": "sha256:aa", "prompt": {"text": "<image>x"},
                 "interventions": {"knockouts": [{"keys": "bos"}]}}, "source_positions": 8}],
    "steers": [{"site": "resid_out", "layers": "2...", "positions": ["text", "generated"], "direction": {"state": "sha256:bb"}, "scale": -4.5}],
    "allow_noop": True}
KNOCKOUT = {"model": "gate", "inputs": [{"id": "1", "image": "sha256:a", "prompt": {"preset": "vqa", "question": "what?"}}],
            "variants": ["eoi", "image_to_text", {"name": "two", "knockouts": [{"queries": "last", "keys": "image", "layers": "from_each"}]}],
            "measure": {"next_token": True, "caption": False, "max_tokens": 5, "top": 2}, "seed": 3, "reuse": "off"}
PATCH = {"pairs": [{"id": "a", "base": "sha256:a", "source": "sha256:b", "base_token": " circle", "source_token": {"id": 78}, "first_token": True}],
         "prompt": {"preset": "probe"}, "site": "resid_in", "positions": "eoi", "layers": "each", "measure": {"caption": True, "top": 5}}
MEASURE = {"captures": [{"site": "resid_in", "positions": "eoi", "layers": [0, "1..<3"], "pool": "mean"}],
           "attention": [{"queries": "text", "keys": ["eoi", "image"], "layers": "all", "heads": "all"}],
           "logit_lens": [{"site": "resid_out", "positions": "last", "layers": "all", "top": 3}]}
CHAT = {"model": "gate", "messages": [{"role": "system", "content": "be short"}, {"role": "user", "content": [
        {"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]}],
        "n": 2, "stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 2, "temperature": 1,
        "max_completion_tokens": 5, "stop": "\n", "tools": [], "user": "u"}


def text(value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def json_texts() -> dict[str, bytes]:
    values = {
        "empty-object": b"{}", "empty-array": b"[]", "null": b" null ", "true": b"true", "string": b'"a"',
        "escapes": rb'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000"', "surrogate-alone": rb'"\ud800"', "surrogate-swapped": rb'"\ude00\ud83d"',
        "bad-escape": rb'"\x"', "cut-escape": rb'"\u12', "control": b'"a\x01"', "bad-utf8": b'"\xff"', "overlong": b'"\xc0\x80"',
        "surrogate-utf8": b'"\xed\xa0\x80"', "bom": b"\xef\xbb\xbf{}", "zero": b"-0", "negative-zero": b"[-0.0, 0e0, -0E-0]",
        "integers": b"[9223372036854775807, -9223372036854775808, 9223372036854775808, 1e18, 123456789012345678901234567890]",
        "numbers": b"[0.1, 1e-300, 5e-324, 1.7976931348623157e308, 1E+2, -2.50, 1e400]", "leading-zero": b"01", "plus": b"+1", "dot": b"1.", "dot-first": b".5",
        "exponent": b"1e", "hex": b"0x1", "nan": b"NaN", "comma": b"[1,]", "comma-object": b'{"a":1,}', "no-colon": b'{"a" 1}', "unquoted": b"{a:1}",
        "duplicate": b'{"a":1,"a":2}', "canonical": '{"é":1,"e\u0301":2}'.encode(), "trailing": b"{} {}", "nested": b"[" * 64 + b"]" * 64,
        "deep": b"[" * 70 + b"]" * 70, "deep-objects": b'{"a":' * 66, "open": b"[" * 2000, "quote": b'"', "comment": b"/**/1", "caption": text(CAPTION),
        "space": b" \t\r\n[ 1 , 2 ] \n", "names": b'{"":0,"a.b":1,"a[0]":2}',
    }
    return values


def requests() -> dict[str, bytes]:
    inputs = {"caption": b"c" + text(CAPTION), "caption-bare": b'c{"image": "data:,"}',
              "caption-interventions": b"c" + text({"image": "a", "interventions": INTERVENTIONS}),
              "caption-measure": b"c" + text({"inputs": [{"image": "a"}, {"image": "b"}], "measure": MEASURE}),
              "caption-images": b'c{"images": ["a", "b"], "prompt": {"text": "<image>"}}', "caption-both": b'c{"image": "a", "images": ["b"]}',
              "caption-zero": b'c{"image": "a", "temperature": -0.0, "top_p": 1e-300, "seed": -9223372036854775808}',
              "caption-chat": b'c{"image": "a", "prompt": {"chat": "hello <image>"}}', "knockout": b"k" + text(KNOCKOUT),
              "knockout-steer": b"k" + text({"images": ["a"], "variants": [{"name": "s", "steers": INTERVENTIONS["steers"]}]}),
              "knockout-measure": b"k" + text({"images": ["a"], "variants": ["bos"], "measure": {"next_token": False, "caption": False, **MEASURE}}),
              "knockout-noop": b'k{"images": ["a"], "variants": [{"name": "n", "allow_noop": true}]}',
              "knockout-named": b'k{"images": ["a"], "variants": ["random_image", "other_image", "eoi.paper", "both", "soi"]}',
              "knockout-twice": b'k{"images": ["a"], "variants": ["eoi", "eoi"]}', "patch": b"p" + text(PATCH), "patch-bare": b'p{"pairs": [{"base": "a", "source": "b"}]}',
              "patch-layers": b'p{"pairs": [{"base": "a", "source": "b"}], "layers": {"each_of": [0, 1, 1]}, "source_positions": "19"}',
              "chat": b"t" + text(CHAT), "chat-text": b't{"messages": [{"role": "user", "content": "hi"}]}',
              "chat-assistant": b't{"messages": [{"role": "assistant", "tool_calls": []}], "n": 16}', "chat-empty": b't{"messages": []}',
              "chat-limits": b't{"messages": [{"role": "user", "content": []}], "max_tokens": 1, "max_completion_tokens": 2}',
              "state": b's{"image": "a", "site": "resid_out", "layers": [0, 2], "positions": "eoi", "name": "n"}',
              "state-mean": b's{"mean": ["a", "b"]}', "state-difference": b's{"difference": ["a", "b"], "name": "d"}',
              "state-images": b's{"images": ["a"], "site": "head_out", "positions": "text", "pool": "mean"}',
              "upload": b'u{"layers": "0,2,4..<6", "site": "resid_in", "name": "n", "tensor": "t"}', "upload-list": b'u{"layers": "[0, 2]"}',
              "upload-open": b'u{"layers": "3..."}', "upload-ranges": b'u{"layers": "' + b"0..<9999," * 40 + b'1"}',
              "key": b'y{"name": "k", "admin": true, "limits": {"jobs": 1, "cells": 2, "requests_per_minute": 3, "bytes": 4}}',
              "key-bad": b'y{"name": "", "limits": {"jobs": 0}}', "not-an-object": b"c[]"}
    return inputs


def interventions() -> dict[str, bytes]:
    expressions = ["eoi", "eoi#2", "eoi#0", "image[1,*]", "image[0, 2]", "image[9,9]", "image[-1,*]", "image[", "image[]", "image[,]", "random_image(3)",
                   "random_image(0)", "random_image(", "random_image()", "text#1", "#", "#1", "", 0, 11, 12, -1, 3.0, 1.5, "19", "+5", "-5", "5..<8", "5...8", "5...",
                   "8..<5", "5..<5", "...", "..<", "1...2...3", ["eoi", [3, ["1..<4", "generated"]]], [], "bos", "prefix", "soi", "image", "image_inner",
                   "last_image", "text", "last", "generated", "all"]
    layers = ["all", "each", "from_each", {"each_of": [0, 2]}, {"each_of": []}, {"each_of": [1, 1]}, [0, "1..<3"], "0...", 5, 6, "each_of", "1..<9"]
    inputs = {f"position-{index:02}": text([expression]) for index, expression in enumerate(expressions)}
    inputs |= {"positions": text(expressions), "layers": text(layers), "all": text(INTERVENTIONS), "measure": text([MEASURE]),
               "variants": text(["eoi", "both", {"name": "v", **INTERVENTIONS}]), "empty": b"{}", "prompts": text([{"preset": "a"}, {"text": "b", "chat": "c"}]),
               "index-overflow": b'["9223372036854775807", 9223372036854775807, "2147483647", 2147483646]',
               "range-overflow": b'["9223372036854775807...", "2147483647...", "0...9223372036854775807", "0..<2147483647", "0...2147483646"]',
               "same-again": text([["all"] * 300, ["0..."] * 300]), "deep": b'{"knockouts": [{"keys": ' + b"[" * 60 + b'"eoi"' + b"]" * 60 + b"}]}",
               "sources": b'{"patches": [{"site": "resid_in", "layers": 0, "positions": 0, "source": {"image": "a", "interventions": ' * 8 + b"null" + b"}}]}" * 8,
               "unknown": b'{"knockouts": [{"keys": "eoi", "layer": 3}]}', "mode": b'{"knockouts": [{"keys": "eoi", "mode": "value", "queries": "all"}]}'}
    return inputs


# Pictures

def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def png(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0, data: bytes | None = None, before: bytes = b"", after: bytes = b"") -> bytes:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    raw = (b"\0" + bytes((width * samples * depth + 7) // 8)) * min(height, 64) if data is None else data
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + before
            + chunk(b"IDAT", zlib.compress(raw, 9)) + after + chunk(b"IEND", b""))


def pictures() -> dict[str, bytes]:
    kept = ["grey1.png", "grey4-key-interlaced.png", "grey-alpha8.png", "palette2-alpha.png", "palette8.png", "rgb8.png", "rgb8-interlaced.png", "rgba8.png",
            "rgb16-key.png", "oriented.png", "baseline-420.jpg", "baseline-444.jpg", "grey.jpg", "grey-progressive.jpg", "progressive-420.jpg", "progressive-444.jpg",
            "restarts.jpg", "cmyk.jpg", "orientation6.jpg", "one-pixel.jpg"]
    inputs = {name: (PICTURES / name).read_bytes() for name in kept}
    zeros = zlib.compress(bytes(200_000), 9)
    inputs |= {
        "header-huge.png": png(60000, 60000, data=b""), "header-zero.png": png(0, 5), "header-max.png": png(0x7FFFFFFF, 1, data=b""),
        "header-negative.png": png(0xFFFFFFFF, 0xFFFFFFFF, data=b""), "depth-odd.png": png(2, 2, depth=3, colour=2), "colour-odd.png": png(2, 2, colour=5),
        "no-palette.png": png(4, 4, colour=3), "palette-short.png": png(4, 4, colour=3, data=(b"\0" + b"\xff" * 4) * 4, before=chunk(b"PLTE", b"\0\0\0")),
        "idat-bomb.png": png(2, 2, data=bytes(300_000)), "idat-short.png": png(64, 64, data=bytes(100)), "filter-odd.png": png(4, 4, data=(b"\x09" + bytes(12)) * 4),
        "text-bomb.png": png(2, 2, before=chunk(b"zTXt", b"a\0\0" + zeros) * 3), "profile-bomb.png": png(2, 2, before=chunk(b"iCCP", b"a\0\0" + zeros)),
        "chunk-length.png": png(2, 2)[:33] + b"\xff\xff\xff\xff" + b"tEXt", "bad-checksum.png": png(2, 2, before=chunk(b"tRNS", b"\0" * 6, crc=1)),
        "transparency-late.png": png(2, 2, after=chunk(b"tRNS", b"\0" * 6)), "transparency-long.png": png(2, 2, before=chunk(b"tRNS", b"\0" * 700)),
        "two-headers.png": png(2, 2, before=chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))), "interlaced-wide.png": png(4096, 1, interlace=1),
        "critical.png": png(2, 2, before=chunk(b"ABCD", b"x")), "exif-lies.png": png(2, 2, before=chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")),
        "exif-many.png": png(2, 2, before=chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\1\0\0\0\x06\0\0\0")),
    }
    progressive = (PICTURES / "progressive-444.jpg").read_bytes()
    scan = progressive.index(b"\xff\xda")
    frame = next(at for at in range(len(progressive)) if progressive[at:at + 2] == b"\xff\xc2")
    sized = lambda height, width: progressive[:frame + 5] + struct.pack(">HH", height, width) + progressive[frame + 9:]
    last = progressive.rindex(b"\xff\xda")
    inputs |= {
        "scans.jpg": progressive[:-2] + progressive[last:-2] * 40 + b"\xff\xd9", "size-large.jpg": sized(4000, 4000), "size-zero.jpg": sized(0, 10),
        "size-max.jpg": sized(65535, 65535), "cut-scan.jpg": progressive[:scan + 20], "no-scan.jpg": progressive[:scan] + b"\xff\xd9",
        "two-frames.jpg": progressive[:scan] + progressive[frame:frame + 19] + progressive[scan:], "fill.jpg": b"\xff\xd8" + b"\xff" * 60 + progressive[2:],
        "segment-length.jpg": b"\xff\xd8\xff\xe1\x00\x01" + progressive[2:], "exif-cut.jpg": b"\xff\xd8\xff\xe1\x00\x0eExif\0\0MM\0*\0\0" + progressive[2:],
    }
    return inputs


# Tensors

def safetensors_of(header, data: bytes = b"", length: int | None = None) -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content) if length is None else length) + content + data


def safetensors() -> dict[str, bytes]:
    def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
    floats = struct.pack("<ff", 1.5, -2)
    deep = b'{"a":' * 12 + b"1" + b"}" * 12
    return {
        "state": safetensors_of({"__metadata__": {"site": "resid_in", "layers": "0,2"}, "state": tensor(shape=(2, 1, 1))}, floats),
        "vector": safetensors_of({"v": tensor()}, floats), "half": safetensors_of({"v": tensor("F16", (4,))}, floats),
        "bfloat16": safetensors_of({"v": tensor("BF16", (4,))}, floats), "double": safetensors_of({"v": tensor("F64", (1,))}, struct.pack("<d", 1e300)),
        "integers": safetensors_of({"v": tensor("I64", (1,))}, floats), "bool": safetensors_of({"v": tensor("BOOL", (8,))}, floats),
        "two": safetensors_of({"a": tensor(shape=(1,), offsets=(0, 4)), "state": tensor(shape=(1,), offsets=(4, 8)), "__metadata__": {"state.site": "attn_out"}}, floats),
        "nan": safetensors_of({"v": tensor()}, struct.pack("<ff", float("nan"), float("inf"))), "empty": safetensors_of({}), "no-data": safetensors_of({"v": tensor()}),
        "scalar": safetensors_of({"v": tensor(shape=(), offsets=(0, 4))}, floats[:4]), "none": safetensors_of({"v": tensor(shape=(0, 5), offsets=(0, 0))}),
        "hole": safetensors_of({"a": tensor(shape=(1,), offsets=(0, 4)), "b": tensor(shape=(1,), offsets=(8, 12))}, floats + floats[:4]),
        "overlap": safetensors_of({"a": tensor(), "b": tensor()}, floats), "rest": safetensors_of({"v": tensor()}, floats + b"x"),
        "backwards": safetensors_of({"v": tensor(offsets=(8, 0))}, floats), "negative": safetensors_of({"v": tensor(shape=(-2,))}, floats),
        "product-overflow": safetensors_of({"v": tensor(shape=(1 << 32, 1 << 32))}, floats), "bytes-overflow": safetensors_of({"v": tensor(shape=(1 << 62,))}, floats),
        "zero-overflow": safetensors_of({"v": tensor(shape=(1 << 62, 1 << 62, 0), offsets=(0, 0))}), "header-huge": safetensors_of({}, length=(1 << 64) - 1),
        "header-100mb": safetensors_of({}, length=100_000_000), "header-zero": safetensors_of(b""), "header-cut": safetensors_of({"v": tensor()}, floats)[:30],
        "not-an-object": safetensors_of(b"[]"), "deep": safetensors_of(deep), "type-unknown": safetensors_of({"v": tensor("F12")}, floats),
        "metadata-number": safetensors_of({"__metadata__": {"a": 1}, "v": tensor()}, floats), "duplicate": safetensors_of(b'{"v":1,"v":2}'),
        "layers-bad": safetensors_of({"__metadata__": {"layers": "1,,x"}, "state": tensor()}, floats), "site-bad": safetensors_of({"__metadata__": {"site": "x"}, "v": tensor()}, floats),
        "layers-descending": safetensors_of({"__metadata__": {"layers": "2,0"}, "v": tensor(shape=(2, 1, 1))}, floats), "spaces": safetensors_of(b'{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}     ', floats),
    }


def npy_of(header: str, data: bytes = b"", version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    size = len(header) if length is None else length
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", size) + header.encode("latin-1") + data


def npy() -> dict[str, bytes]:
    def header(descr="'<f4'", fortran="False", shape="(2,)"):
        return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"
    floats = struct.pack("<ff", 1.5, -2)
    return {
        "vector": npy_of(header(), floats), "matrix": npy_of(header(shape="(1, 2)"), floats), "cube": npy_of(header(shape="(2, 1, 1)"), floats),
        "half": npy_of(header("'<f2'", shape="(4,)"), floats), "double": npy_of(header("'<f8'", shape="(1,)"), floats), "version2": npy_of(header(), floats, b"\x02\0"),
        "version3": npy_of(header(), floats, b"\x03\0"), "version9": npy_of(header(), floats, b"\x09\0"), "scalar": npy_of(header(shape="()"), floats[:4]),
        "none": npy_of(header(shape="(0, 9223372036854775807)")), "nan": npy_of(header(), struct.pack("<ff", float("nan"), 1)), "big-endian": npy_of(header("'>f4'"), floats),
        "fortran": npy_of(header(fortran="True", shape="(1, 2)"), floats), "fortran-vector": npy_of(header(fortran="True"), floats), "structured": npy_of(header("[('a', '<f4')]"), floats),
        "shape-huge": npy_of(header(shape="(9223372036854775807, 2)"), floats), "shape-overflow": npy_of(header(shape="(99999999999999999999,)"), floats),
        "shape-negative": npy_of(header(shape="(-1,)"), floats), "shape-open": npy_of(header(shape="(2,"), floats), "shape-commas": npy_of(header(shape="(2,,)"), floats),
        "shape-long": npy_of(header(shape="(" + "1, " * 300 + "2)"), floats), "object": npy_of(header("'|O'"), floats), "empty-header": npy_of(""),
        "header-cut": npy_of(header(), length=60000), "header-4gb": npy_of(header(), floats, b"\x02\0", length=0xFFFFFFFF), "duplicate": npy_of("{'descr': '<f4', 'descr': '<f4'}"),
        "unknown": npy_of("{'a': 1}"), "quotes": npy_of('{"descr": "<f4", "fortran_order": False, "shape": (2,)}', floats), "open-string": npy_of("{'descr': '<f4"),
        "short": b"\x93NUMPY\x01", "magic": b"\x93NUMPY", "cut": npy_of(header(), floats)[:-1], "long": npy_of(header(), floats + b"x"), "after": npy_of(header()[:-1] + "x", floats),
    }


# Tokenizers

def tokenizers() -> dict[str, bytes]:
    vocab = {"a": 0, "b": 1, "ab": 2, "abb": 3, "<s>": 4, "<image>": 5, "\u0120": 6, "\u0120a": 7, "e\u0301": 8, "\u00e9": 9, "?": 10}
    merges = ["a b", ["ab", "b"], "\u0120 a"]
    added = lambda id, content, **flags: {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}
    split = lambda expression, behavior="Isolated", invert=False: {"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": invert}

    def document(model=None, **members):
        model = {"type": "BPE", "vocab": vocab, "merges": merges, **(model or {})}
        return text({"version": "1.0", "model": model, **members})

    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}}
    cases = {
        "plain": document(), "decoder": document(decoder={"type": "ByteLevel"}), "byte-level": document(pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True}, decoder={"type": "ByteLevel"}),
        "byte-level-plain": document(pre_tokenizer={"type": "ByteLevel", "use_regex": False, "add_prefix_space": False}), "template": document(post_processor=template),
        "processors": document(post_processor={"type": "Sequence", "processors": [{"type": "ByteLevel"}, template]}), "added": document(added_tokens=[added(4, "<s>"), added(5, "<image>", lstrip=True, rstrip=True)]),
        "added-words": document(added_tokens=[added(2, "ab", single_word=True, normalized=True), added(11, "zz", special=False)]), "added-clash": document(added_tokens=[added(0, "b")]),
        "added-empty": document(added_tokens=[added(12, "")]), "added-far": document(added_tokens=[added(1_000_500, "far")]), "added-max": document(added_tokens=[added(2147483647, "max")]),
        "digits": document(pre_tokenizer={"type": "Digits", "individual_digits": True}), "punctuation": document(pre_tokenizer={"type": "Punctuation", "behavior": "Contiguous"}),
        "unknown": document({"unk_token": "?", "fuse_unk": True}), "ignore-merges": document({"ignore_merges": True}), "merge-bad": document({"merges": ["a x"]}), "merge-odd": document({"merges": ["a  b", [], 1]}),
        "vocab-twice": document({"vocab": {"a": 0, "b": 0}, "merges": []}), "vocab-negative": document({"vocab": {"a": -1}, "merges": []}), "vocab-empty": document({"vocab": {}, "merges": []}),
        "normalizer": document(normalizer={"type": "Sequence", "normalizers": []}), "normalizer-bad": document(normalizer={"type": "NFC"}), "not-bpe": document({"type": "Unigram"}),
        "decoder-deep": document(decoder={"type": "Sequence", "decoders": [{"type": "Fuse"}] * 5}), "loop-merge": document({"vocab": {"a": 0, "aa": 1, "aaaa": 2}, "merges": ["a a", "aa aa"]}) + b"\0" + b"a" * 500,
        "spaces": document(pre_tokenizer={"type": "ByteLevel"}) + b"\0" + b" " * 900 + b"a", "bad-utf8": document() + b"\0\xff\xfeab\xc3", "empty-text": document() + b"\0",
        "scripts": document(pre_tokenizer={"type": "ByteLevel"}) + b"\0" + "a漢字 é e\u0301 🙂\u200d🙂 \u180e\u2028١٢٣".encode(),
    }
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        cases[f"split-{behavior}"] = document(pre_tokenizer={"type": "Sequence", "pretokenizers": [split(r"\s+|\d", behavior), split("a", behavior, True)]})
        cases[f"literal-{behavior}"] = document(pre_tokenizer={"type": "Split", "pattern": {"String": "b"}, "behavior": behavior, "invert": True})
    expressions = {"gpt4": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", "empty-match": "x*",
                   "look": r"(?=a)", "class": r"[\s\w&&[a]]", "posix": "[[:alpha:]]+", "open": "(", "open-class": "[a", "backslash": "\\", "repeat": "(?:a{1,1000}){1,1000}",
                   "recursive": "(?R)?a", "verb": "(*ACCEPT)a", "end": "$|^", "keep": r"a\Kb", "lookbehind": "(?<=b)(?=a)"}
    for name, expression in expressions.items():
        cases[f"expression-{name}"] = document(pre_tokenizer=split(expression))
    cases["expression-catastrophe"] = document(pre_tokenizer=split("(a|aa)+$")) + b"\0" + b"a" * 30 + b"b"
    return cases


DICTIONARIES = {
    "http1": ["GET ", "POST ", " HTTP/1.1\\x0d\\x0a", "Host: localhost\\x0d\\x0a", "Content-Length: ", "Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: close", "0\\x0d\\x0a\\x0d\\x0a", "\\x0d\\x0a"],
    "http2": ["\\x41\\x09localhost", "\\x82\\x86\\x84", "\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00", "\\x00\\x00\\x04\\x03\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x08", "\\x00\\x00\\x00\\x01\\x05\\x00\\x00\\x00\\x01"],
    "multipart": ["multipart/form-data; boundary=", "--xyz", "--xyz--", "\\x0d\\x0a--xyz", "Content-Disposition: form-data; name=\\\"a\\\"", "Content-Type: ", "\\x0d\\x0a\\x0d\\x0a"],
    "json": ["null", "true", "false", "\\\\u00", "\\\\ud83d", "\\\\ude00", "1e308", "9223372036854775807", "-0.0", "[]", "{}", "\\\":"],
    "requests": ["\\\"image\\\":", "\\\"images\\\":", "\\\"inputs\\\":", "\\\"variants\\\":", "\\\"pairs\\\":", "\\\"base\\\":", "\\\"source\\\":", "\\\"measure\\\":", "\\\"interventions\\\":", "\\\"messages\\\":", "\\\"layers\\\":", "\\\"each_of\\\":", "\\\"prompt\\\":", "\\\"preset\\\":", "9223372036854775807"],
    "interventions": ["\\\"knockouts\\\":", "\\\"patches\\\":", "\\\"steers\\\":", "\\\"keys\\\":", "\\\"queries\\\":", "\\\"layers\\\":", "\\\"heads\\\":", "\\\"eoi\\\"", "\\\"all\\\"", "random_image(", "image[", "...", "..<", "#2", "9223372036854775807"],
    "picture": ["\\x89PNG\\x0d\\x0a\\x1a\\x0a", "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "eXIf", "zTXt", "iCCP", "\\xff\\xd8", "\\xff\\xc0", "\\xff\\xc2", "\\xff\\xc4", "\\xff\\xda", "\\xff\\xd9", "\\xff\\xdb", "\\xff\\xe1", "\\xff\\xdd", "Exif\\x00\\x00"],
    "safetensors": ["\\\"dtype\\\":", "\\\"F32\\\"", "\\\"BF16\\\"", "\\\"shape\\\":", "\\\"data_offsets\\\":", "\\\"__metadata__\\\":", "\\\"layers\\\":", "\\\"site\\\":", "9223372036854775807"],
    "npy": ["\\x93NUMPY\\x01\\x00", "'descr': ", "'<f4'", "'<f8'", "'fortran_order': ", "'shape': ", "False", "True", "(2,)", "9223372036854775807"],
    "tokenizer": ["\\\"type\\\":", "\\\"Split\\\"", "\\\"Regex\\\":", "\\\"String\\\":", "\\\"ByteLevel\\\"", "\\\"Sequence\\\"", "\\\"pretokenizers\\\":", "\\\"Digits\\\"", "\\\"vocab\\\":", "\\\"merges\\\":", "\\\"added_tokens\\\":", "\\\"behavior\\\":", "\\\\\\\\s", "\\\\\\\\p{L}", "(?!", "(?i:"],
}


def main() -> None:
    for target, make in [("http1", http1), ("http2", http2), ("multipart", multipart), ("json", json_texts), ("requests", requests), ("interventions", interventions),
                         ("picture", pictures), ("safetensors", safetensors), ("npy", npy), ("tokenizer", tokenizers)]:
        write(target, make())
    folder = HERE / "dictionaries"
    folder.mkdir(exist_ok=True)
    for target, words in DICTIONARIES.items():
        (folder / f"{target}.dict").write_text("".join(f'"{word}"\n' for word in words))


if __name__ == "__main__":
    main()
