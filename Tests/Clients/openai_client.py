#!/usr/bin/env python3
"""What the unmodified `openai` package makes of a running narrowgate: `make test-clients`.

Starts `.build/release/narrowgate serve` on a free port with a fresh database and the shipped models, and talks to it as a
program written for OpenAI's interface does.
"""
import base64
import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

import openai

ROOT = pathlib.Path(__file__).resolve().parents[2]
for name in [name for name in os.environ if name.startswith(("NARROWGATE_", "OPENAI_"))]:
    del os.environ[name]
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"


class Server:
    """A server of its own for the suite; a queue of one job, so that a second one is told to come again."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="narrowgate-clients.")
        self.log = open(pathlib.Path(self.folder.name, "server.log"), "w")
        command = [ROOT / ".build/release/narrowgate", "serve", "--port", "0", "--queue-limit", "1", "--models",
                   ROOT / "Models", "--database", "jobs.sqlite"]
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.address = line.split()[-1]

    def is_computing(self):
        """Whether one of its threads runs, or would if a core were free."""
        states = []
        for stat in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            # A thread may have ended since it was listed.
            with contextlib.suppress(OSError):
                states.append(stat.read_text().rpartition(")")[2].split()[0])
        return "R" in states

    def wait_until_idle(self):
        """Returns when the engine computes nothing: what it computes takes it minutes."""
        quiet = 0
        for _ in range(2400):
            time.sleep(0.05)
            quiet = 0 if self.is_computing() else quiet + 1
            if quiet == 20:
                return
        raise AssertionError("the engine goes on")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(120) == 0
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()


def picture(name):
    return "data:image/png;base64," + base64.b64encode(
        (ROOT / f"Models/examples/{name}.png").read_bytes()).decode()


def show(name="white-cross", text=None):
    """A message that shows a picture, and may say something."""
    parts = [{"type": "image_url", "image_url": {"url": picture(name), "detail": "auto"}}]
    if text is not None:
        parts.append({"type": "text", "text": text})
    return [{"role": "user", "content": parts}]


# Sampled at this temperature the text ends by chance, with this seed after 1,668 tokens: seconds.
ENDLESS = {"model": "gate", "messages": show(), "temperature": 100, "seed": 52, "max_tokens": 3000, "n": 1}
CUT = {"knockouts": [{"queries": "text", "keys": "eoi"}]}


class OpenAIClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.requests, cls.on_answer = [], lambda answer: None
        hooks = {"request": [cls.requests.append], "response": [lambda answer: cls.on_answer(answer)]}
        cls.client = openai.OpenAI(
            base_url=cls.server.address + "/v1", api_key="anything",
            http_client=openai.DefaultHttpxClient(event_hooks=hooks))
        # What the same model says where it is asked in our own way.
        cls.caption = cls.captioned()["caption"]

    @classmethod
    def captioned(cls, **members):
        body = {"model": "gate", "image": picture("white-cross"), **members}
        return cls.client.post("/captions", body=body, cast_to=object)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()

    def setUp(self):
        self.requests.clear()

    def complete(self, **members):
        return self.client.chat.completions.create(**{"model": "gate", "messages": show(), **members})

    def jobs(self):
        return self.client.get("/jobs", cast_to=object)["data"]

    # Plain

    def test_models_are_listed_and_retrieved(self):
        models = {model.id: model for model in self.client.models.list()}
        self.assertIn("gate", models)
        self.assertEqual(models["gate"].object, "model")
        self.assertEqual(models["gate"].owned_by, "narrowgate")
        self.assertEqual(self.client.models.retrieve("open").id, "open")

    def test_a_picture_is_captioned(self):
        completion = self.complete()
        choice = completion.choices[0]
        self.assertEqual(choice.message.content, self.caption)
        self.assertIn("cross", self.caption)
        self.assertEqual((choice.message.role, choice.finish_reason, choice.index), ("assistant", "stop", 0))
        self.assertEqual(completion.object, "chat.completion")
        self.assertAlmostEqual(completion.created, time.time(), delta=3600)
        self.assertEqual(
            completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens)
        self.assertTrue(completion.system_fingerprint.startswith("fp_"))
        job = self.client.get(f"/jobs/{choice.job}", cast_to=object)
        self.assertEqual((job["kind"], job["status"]), ("caption", "succeeded"))

    def test_the_messages_text_is_the_prompt(self):
        said = self.complete(messages=show(text="the colour is"), max_completion_tokens=1)
        own = self.captioned(prompt={"text": "<image>the colour is"}, max_tokens=1)
        self.assertEqual(said.choices[0].message.content, own["caption"])
        self.assertEqual(said.usage.prompt_tokens, own["usage"]["prompt_tokens"])
        text = self.complete(messages=show(text="this picture shows"))
        self.assertEqual(text.choices[0].message.content, self.caption)
        turns = [{"role": "system", "content": "the shape"}] + show(text="is a")
        self.assertTrue(self.complete(messages=turns).choices[0].message.content)

    def test_a_stop_ends_the_answer(self):
        before, _, last = self.caption.rpartition(" ")
        choice = self.complete(stop=[" " + last]).choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), (before, "stop"))
        chunks = self.complete(stop=" " + last, stream=True)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), before)

    def test_logprobs_have_alternatives(self):
        content = self.complete(logprobs=True, top_logprobs=3).choices[0].logprobs.content
        self.assertEqual("".join(token.token for token in content).strip(), self.caption)
        for token in content:
            self.assertEqual(len(token.top_logprobs), 3)
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(bytes(token.bytes).decode(), token.token)

    def test_a_seed_is_an_answer(self):
        drawn = [[choice.message.content for choice in self.complete(temperature=3, seed=seed, n=3).choices]
                 for seed in (5, 5, 6)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertEqual(drawn[0][1:], drawn[2][:2])

    def test_what_asks_for_nothing_is_accepted(self):
        completion = self.complete(
            tools=[], tool_choice="none", presence_penalty=0, frequency_penalty=0, logit_bias={}, user="me",
            metadata={"a": "b"}, store=True, response_format={"type": "text"}, parallel_tool_calls=False)
        self.assertEqual(completion.choices[0].finish_reason, "stop")

    # Streams

    def test_a_stream_is_the_plain_answer(self):
        chunks = list(self.complete(stream=True, stream_options={"include_usage": True}, logprobs=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, self.caption)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-2].choices[0].finish_reason, "stop")
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage, self.complete().usage)
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual(sum(len(chunk.choices[0].logprobs.content) for chunk in chunks
                             if chunk.choices and chunk.choices[0].logprobs), chunks[-1].usage.completion_tokens)

    def test_a_stream_has_every_choice(self):
        texts = ["", ""]
        for chunk in self.complete(stream=True, n=2, temperature=3, seed=5):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        plain = self.complete(n=2, temperature=3, seed=5)
        self.assertEqual(texts, [choice.message.content for choice in plain.choices])

    def test_the_clients_own_stream_helper_accumulates(self):
        with self.client.chat.completions.stream(model="gate", messages=show()) as stream:
            stream.until_done()
            self.assertEqual(stream.get_final_completion().choices[0].message.content, self.caption)

    # Interventions

    def test_interventions_act_and_leave_a_receipt(self):
        probe = {"messages": show(text="the shape is a"), "max_tokens": 1}
        choice = self.complete(**probe, extra_body={"interventions": CUT, "receipt": "full"}).choices[0]
        own = self.captioned(prompt={"preset": "probe"}, max_tokens=1, interventions=CUT, receipt="full")
        self.assertEqual(choice.message.content, own["caption"])
        self.assertEqual(choice.receipt, own["receipt"])
        self.assertGreater(choice.receipt["effect"], 0)
        *_, last = self.complete(**probe, stream=True, extra_body={"interventions": CUT, "receipt": "full"})
        self.assertEqual(last.choices[0].receipt, choice.receipt)

    # Errors

    def refusal(self, kind, **members):
        with self.assertRaises(kind) as caught:
            self.complete(**members)
        self.assertEqual(len(self.requests), 1, "it is of no use to try again")
        self.requests.clear()
        return caught.exception

    def test_errors_are_the_clients_exceptions(self):
        error = self.refusal(openai.BadRequestError, presence_penalty=1)
        self.assertEqual(
            (error.param, error.code, error.type),
            ("presence_penalty", "unsupported_parameter", "invalid_request_error"))
        self.assertEqual(self.refusal(openai.BadRequestError, extra_body={"colour": 1}).param, "colour")
        self.assertEqual(self.refusal(openai.BadRequestError, temperature=-1).param, "temperature")
        self.assertEqual(self.refusal(openai.BadRequestError, messages=[]).param, "messages")
        remote = show()
        remote[0]["content"][0]["image_url"]["url"] = "https://example.org/a.png"
        self.assertEqual(
            self.refusal(openai.BadRequestError, messages=remote).param, "messages[0].content[0].image_url.url")
        self.assertEqual(self.refusal(openai.NotFoundError, model="none").code, "unknown_model")
        role = {"interventions": {"knockouts": [{"keys": "eio"}]}}
        self.assertEqual(self.refusal(openai.UnprocessableEntityError, extra_body=role).code, "unknown_role")
        self.assertEqual(self.refusal(openai.BadRequestError, stream=True, top_p=0).param, "top_p")

    def test_what_is_of_no_use_is_not_tried_again(self):
        job = self.complete().choices[0].job
        self.requests.clear()
        with self.assertRaises(openai.ConflictError):
            self.client.post(f"/jobs/{job}/cancel", cast_to=object)
        self.assertEqual(len(self.requests), 1)

    def test_what_passes_is_tried_again_when_the_server_says(self):
        body = {"images": [picture("white-cross")] * 200, "variants": ["eoi", "image_to_text", "both"],
                "measure": {"max_tokens": 60}}
        job = self.client.post("/knockouts", body=body, cast_to=object)
        self.requests.clear()
        refused = []

        def free_the_queue(answer):
            if answer.status_code == 429:
                refused.append(answer.headers)
                # Beside the hook's own request; the client waits as long as it was told.
                threading.Thread(target=self.server_cancel, args=[job["id"]]).start()

        type(self).on_answer = free_the_queue
        try:
            small = {"images": body["images"][:1], "variants": ["eoi"]}
            key = {"headers": {"Idempotency-Key": "small"}}
            second = self.client.post("/knockouts", body=small, cast_to=object, options=key)
        finally:
            type(self).on_answer = lambda answer: None
        self.assertEqual(second["kind"], "knockout")
        self.assertGreaterEqual(len(refused), 1)
        self.assertEqual((refused[0]["retry-after"], refused[0]["x-should-retry"]), ("5", "true"))
        self.assertEqual(len(self.requests), 1 + len(refused))
        # Whatever is sent again under the key, it is this job.
        again = self.client.post("/knockouts", body=small, cast_to=object, options=key)
        self.assertEqual(again["id"], second["id"])
        self.client.get(f"/jobs/{second['id']}", cast_to=object, options={"headers": {"Prefer": "wait=60"}})

    def server_cancel(self, job):
        with openai.OpenAI(base_url=self.server.address + "/v1", api_key="x") as client:
            client.post(f"/jobs/{job}/cancel", cast_to=object)

    # Going

    def test_a_timeout_is_the_clients_and_stops_the_compute(self):
        before = len(self.jobs())
        with self.assertRaises(openai.APITimeoutError):
            self.client.with_options(timeout=0.3, max_retries=0).chat.completions.create(**ENDLESS)
        self.server.wait_until_idle()
        self.assertEqual(len(self.jobs()), before)

    def test_leaving_a_stream_stops_the_compute(self):
        before = len(self.jobs())
        with self.client.chat.completions.create(**ENDLESS, stream=True) as stream:
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
        self.server.wait_until_idle()
        self.assertEqual(len(self.jobs()), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
