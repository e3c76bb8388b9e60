"""A scorer for `best_of_n`: prefers short answers in a box. Put your reward model in its place.

python examples/scorer.py --port 9000     then start Chorus with SCORERS=brief=http://localhost:9000/score
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_BYTES = 10_000_000


def score(asked: dict[str, Any]) -> float:
    """Higher is better; `asked` has the `messages` of the conversation and the `answer` to them."""
    answer = asked["answer"]
    return float("\\boxed" in answer) - len(answer) / 10_000


class Scorer(BaseHTTPRequestHandler):
    """Answers POST {"model", "messages", "answer"} by {"score": number}."""

    def do_POST(self) -> None:
        """Score one answer."""
        length = min(int(self.headers["Content-Length"]), MOST_BYTES)
        body = json.dumps({"score": score(json.loads(self.rfile.read(length)))}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on loopback until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A scorer for tts_scorer http:NAME.")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one")
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Scorer)
    print(f"http://127.0.0.1:{server.server_address[1]}/score", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
