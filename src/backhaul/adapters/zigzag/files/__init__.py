"""How do returns come in by file? (facts/zigzag 3.5 and 7.2: the second channel beside the webhook.)

`forms` tells what a file is, a reader each (`csv_rows`, `xlsx_rows`, `markup`) takes it apart, `grid` puts rows together into messages,
`intake` keeps them, once for each content. `pull` finds files in folders, here or behind SFTP.
"""
