"""How does a data package come into data management, and what became of it?

The package REST API (facts/finance-scm 3): a write address, the upload, one import, then its status; or the recurring-integration queue,
where one is set up. Only the import has an effect, and it is never made twice in one call; what it did to each row the journal says.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from backhaul.adapters.finance_scm import package, wire
from backhaul.adapters.odata import Answer, Meaning, OData, Then, infolog, kind_of
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import Pending, PostingKey, PostingOutcome, Rejected, Unconfirmed

DMF: Final = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
FINISHED, BROKEN = frozenset({"Succeeded"}), frozenset({"PartiallySucceeded", "Failed", "Canceled"})
CREATED: Final = 201
SPOILT: Final = frozenset({"ProcessedWithErrors", "PreProcessError", "PostProcessError", "PreProcessingError", "PostProcessingError",
                           "PostProcessingFailed"})
"""States of a queued job that left rows behind, in the spellings both documentations use (facts/finance-scm 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Data management of one legal entity."""

    odata: OData
    told: wire.Settings
    sleep: Callable[[float], None] = time.sleep
    executions: dict[str, str] = field(default_factory=dict)
    """The execution that imported a package, where it has another id than ours."""

    def run(self, key: str, project: str, content: bytes, postings: Collection[PostingKey],
                explain: Callable[[], dict[PostingKey, PostingOutcome]]) -> dict[PostingKey, PostingOutcome]:
        """Upload and import a package. Only `ImportFromPackage` has an effect; what fails before it may be sent again."""
        if activity := self.told.activities.get(project):
            return self._by_queue(key, activity, content, postings, explain)
        space = self.odata.post(f"{DMF}GetAzureWriteUrl", {"uniqueFileName": f"{key}.zip"})
        url = package.write_address(value_of(space))
        if not url:
            return dict.fromkeys(postings, not_yet(space, "no place to upload to"))
        upload = self.odata.put_blob(url, content)
        if upload.status != CREATED:  # a proxy's page comes with 200
            return dict.fromkeys(postings, not_yet(upload, "the upload failed"))
        answer = self.odata.post(f"{DMF}ImportFromPackage", {
            "packageUrl": url, "definitionGroupId": project, "executionId": key, "execute": True, "overwrite": False,
            "legalEntityId": self.told.company})
        wrong = self._not_taken(key, answer)
        if wrong is not None:
            return dict.fromkeys(postings, wrong)
        return explain() if self._wait(key) in BROKEN else dict.fromkeys(postings, Pending(reference=key))

    def _by_queue(self, key: str, activity: str, content: bytes, postings: Collection[PostingKey],
                  explain: Callable[[], dict[PostingKey, PostingOutcome]]) -> dict[PostingKey, PostingOutcome]:
        """Put a package into the recurring-integration queue, with our key as its external identifier, and ask how its job goes.

        Nothing promises that one identifier is taken once (facts/finance-scm 7): what is unknown is looked for in the journal.
        """
        address = f"{self.odata.root}/api/connector/enqueue/{quote(activity, safe='')}?company={quote(self.told.company, safe='')}"
        answer, _, _ = self.odata.send("POST", address, content=content, headers={
            "Content-Type": "application/zip", "x-ms-dyn-externalidentifier": key})
        meaning, then = answer.verdict(atomic=False)
        message = answer.body.get("value") if isinstance(answer.body, dict) else answer.body
        if meaning is Meaning.NO:
            return dict.fromkeys(postings, refused(answer, then))
        if meaning is not Meaning.OK or not isinstance(message, str):
            return dict.fromkeys(postings, Unconfirmed(sentence=f"Nobody knows whether {key} was taken: {answer.sentence}",
                                                       request=answer.request))
        state = self._job(key, activity, message)
        return explain() if state in SPOILT else dict.fromkeys(postings, Pending(reference=key))

    def _job(self, key: str, activity: str, message: str) -> str:
        """Ask for the job's state a few times within `poll_seconds`, and keep which execution it is."""
        address = f"{self.odata.root}/api/connector/jobstatus/{quote(activity, safe='')}?jobId={quote(message, safe='')}"
        waited, step, state = 0.0, 0.1, ""
        while True:
            try:
                told = self.odata.get(address)
            except (RetryLater, Misconfigured):
                return state
            job = told.get("DataJobStatus") if isinstance(told, dict) else None
            state = str(job.get("DataJobState") or "") if isinstance(job, dict) else ""
            if isinstance(job, dict) and job.get("ExecutionIdentifier"):
                self.executions[key] = str(job["ExecutionIdentifier"])
            if state == "Processed" or state in SPOILT or waited >= self.told.poll_seconds:
                return state
            self.sleep(step)
            waited, step = waited + step, min(step * 2, 2.0)

    def _not_taken(self, key: str, answer: Answer) -> Rejected | Unconfirmed | None:
        """Say why an import did not begin; None when it did.

        A package is no single record, so an error alone proves nothing (reliability appendix A). The import is prepared before it
        answers (facts/finance-scm 3): with an error and no execution known under our id, nothing ran.
        """
        meaning, then = answer.verdict(atomic=False)
        if meaning is Meaning.NO:
            return refused(answer, then)
        if meaning is not Meaning.UNKNOWN:
            return None
        status = self.status(key) if answer.status in {400, 422, 500} and infolog(answer.body) else ""
        if status in {"Unknown", "NotRun"}:
            return refused(answer, Then.EXCEPTION)
        return None if status in FINISHED | BROKEN else Unconfirmed(sentence=f"Nobody knows whether {key} was taken: {answer.sentence}",
                                                                    request=answer.request)

    def _wait(self, key: str) -> str:
        """Ask for the import's status a few times within `poll_seconds`; still running is an answer, too."""
        waited, step = 0.0, 0.1
        status = self.status(key)
        while status not in FINISHED | BROKEN and waited < self.told.poll_seconds:
            self.sleep(step)
            waited, step = waited + step, min(step * 2, 2.0)
            status = self.status(key)
        return status

    def status(self, key: str) -> str:
        """Ask how far an execution is; empty when nobody answers."""
        return str(self.asked("GetExecutionSummaryStatus", key) or "")

    def asked(self, action: str, key: str) -> object:
        """Ask about an execution; no answer is None, because after an import nothing may be raised any more."""
        try:
            return value_of(self.odata.post(f"{DMF}{action}", {"executionId": self.executions.get(key, key)}))
        except (RetryLater, Misconfigured):
            return None


def value_of(answer: Answer) -> object:
    """Give what a bound action answered, None when it did not."""
    return answer.body.get("value") if answer.good and isinstance(answer.body, dict) else None


def not_yet(answer: Answer, what: str) -> Rejected:
    """Refuse for now: a step without effect failed, and the same batch may be sent again."""
    return Rejected(sentence=f"Nothing was imported, {what}: {answer.sentence}", request=answer.request, transient=True,
                    after_seconds=answer.wait, counts=answer.sent and answer.status not in {401, 429})


def refused(answer: Answer, then: Then) -> Rejected:
    """Write a refusal; waiting, tokens and unsent requests say nothing about the content and do not count as attempts."""
    busy = then in {Then.RETRY, Then.WAIT, Then.REFRESH}
    again = busy or then is Then.REREAD or any(kind_of(sentence) == "RETRYABLE" for sentence in infolog(answer.body))
    return Rejected(sentence=answer.sentence, request=answer.request, transient=again, after_seconds=answer.wait, counts=not busy)
