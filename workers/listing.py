"""What the upstreams list, under the names by which clients ask for it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from tts_core.errors import UpstreamError, UpstreamUnreachable
from workers.answering import answering
from workers.roster import ModelList
from workers.upstream import list_models
from workers.upstreams import Upstream, Upstreams

MODELS_S = 60
AGAIN_S = 3
TIMEOUT_S = 5.0
Model = dict[str, Any]


class Listing:
    """The lists of all upstreams, kept for all web processes."""

    def __init__(self, store: Any, upstreams: Upstreams) -> None:
        self.kept = ModelList(store)
        self.upstreams = upstreams

    def everything(self) -> list[Model]:
        """All models of all upstreams; one that is away adds those that are named in the file.

        Raises UpstreamError when nobody lists anything.
        """
        found: dict[str, Model] = {}
        for upstream in self.upstreams.by_name.values():
            if len(self.upstreams.by_name) == 1:
                return list(self.named(upstream, self.of(upstream)))
            listed: Sequence[Model] = ()
            with suppress(UpstreamError):
                listed = self.of(upstream)
            found = {model["id"]: model for model in self.named(upstream, listed)} | found
        if not found:
            raise UpstreamUnreachable("None of the upstreams lists its models.")
        return list(found.values())

    def of(self, upstream: Upstream) -> list[Model]:
        """What an upstream lists in its own words, at most MODELS_S old. Raises UpstreamError.

        Where there are several, one that failed is left alone for a moment: the others have the answer.
        """
        with answering():
            kept = self.kept.kept(upstream.name)
        if kept is None:
            kept = self.asked(upstream)
            with answering():
                self.kept.keep(upstream.name, kept, MODELS_S)
        if isinstance(kept, str):
            raise UpstreamUnreachable(kept)
        return kept

    def asked(self, upstream: Upstream) -> list[Any]:
        """The list as it is now. Raises UpstreamError."""
        try:
            return list_models(upstream, TIMEOUT_S)
        except UpstreamError as error:
            if len(self.upstreams.by_name) > 1:
                with answering():
                    self.kept.keep(upstream.name, error.message, AGAIN_S)
            raise

    def named(self, upstream: Upstream, listed: Sequence[Model]) -> Iterator[Model]:
        """An upstream's models by their names here; those of the file in any case."""
        there = {model["id"]: model for model in listed}
        for name in upstream.fixed:
            yield {**there.get(upstream.name_of(name), {}), "id": name}
        for id_, model in there.items():
            for name in dict.fromkeys((id_, upstream.drops_prefix + id_)):
                is_its = self.upstreams.route(name) is upstream and upstream.name_of(name) == id_
                if is_its and name not in upstream.fixed:
                    yield {**model, "id": name}
                    break

    def knows(self, model: str) -> bool:
        """Whether a model can be asked for; an upstream without a list decides for itself.

        Raises UpstreamError when nobody can tell.
        """
        upstream = self.upstreams.route(model)
        if model in upstream.fixed:
            return True
        names = {listed["id"] for listed in self.of(upstream)}
        return not names or bool(names & {model, upstream.name_of(model)})
