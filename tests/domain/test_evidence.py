"""What kind of file did somebody attach?"""

import pytest

from backhaul.domain.evidence import sniff


@pytest.mark.parametrize(("body", "kind"), [
    (b"%PDF-1.7 ...", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n...", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    ("Größe 41,\tbeschädigt\r\n".encode(), "text/plain"),
    (b"<script>alert(1)</script>", "text/plain"),
    (b"PK\x03\x04", ""),
    (b"MZ\x90\x00", ""),
    (b"\xff\xfe\x00", ""),
    (b"  \n", ""),
    (b"", ""),
])
def test_a_file_is_what_its_first_bytes_say_or_refused(body: bytes, kind: str) -> None:
    assert sniff(body) == kind
