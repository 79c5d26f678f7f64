"""Pages of a server list, read by following the links, and the order they must have, made without our own code."""
import re

from .observe import dashed

ANSWER_SECONDS = 15  # the entry's budget for other zones is 10


class Pager:
    """Reads page after page at one door. `ids` is all that was seen, `missing` what the last page said of silent zones."""

    def __init__(self, http, limit, query="", path="/servers"):
        self.http = http
        self.limit = limit
        self.target = f"{path}?limit={limit}" + (f"&{query}" if query else "")
        self.ids = []
        self.missing = {}

    @property
    def over(self):
        return self.target is None

    def read(self):
        """The next page's ids."""
        answer = self.http.get(self.target, timeout=ANSWER_SECONDS)
        assert answer.status_code == 200, f"GET {self.target}: {answer.status_code} {answer.text}"
        body = answer.json()
        page = [row["id"] for row in body["servers"]]
        self.missing = missing_in(answer)
        links = [link["href"] for link in body.get("servers_links", []) if link["rel"] == "next"]
        assert len(page) <= self.limit and (len(page) == self.limit or not links), "a page that is not full goes on"
        assert not set(page) & set(self.ids) and len(set(page)) == len(page), "a server twice"
        self.ids += page
        self.target = self.below(links[0]) if links else None
        return page

    def below(self, href):
        assert href.startswith(self.http.zone.url), f"a link that leads elsewhere: {href}"
        return href.removeprefix(self.http.zone.url)

    def read_all(self):
        while not self.over:
            self.read()
        return self.ids


def missing_in(answer):
    """{path: reason} of X-Zone-Missing."""
    parts = [part.strip() for part in answer.headers.get("X-Zone-Missing", "").split(",") if part.strip()]
    return dict(re.fullmatch(r"([^;]+);reason=(\w+)", part).groups() for part in parts)


def created_seconds(mariadb, zones):
    """{uuid: whole seconds} of all servers that these zones own, told by SQL."""
    rows = [row for zone in zones for row in mariadb.sql(
        zone.schema, "SELECT HEX(uuid), TIMESTAMPDIFF(SECOND, '1970-01-01', created_at) FROM servers WHERE NOT deleted")]
    return {dashed(uuid): int(seconds) for uuid, seconds in rows}


def newest_first(created):
    """Nova's order: created_at descending, then uuid."""
    return sorted(created, key=lambda uuid: (-created[uuid], uuid))
