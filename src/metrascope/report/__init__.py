"""The page, the Word document, methods, checklists and model cards of a study.

page          write ``report.html``: one file, both languages, no network, the same bytes every
              time
evaluation_page
              write ``evaluation.html``: the page of predictions that were evaluated without a
              study
digest        the summary in plain words: what was compared, on whose data, what came out, what it
              shows
chapters      the chapters of statistics that page and Word document share: findings, tables and
              charts
page_tables   rows of the page's tables, from the files of a study
gallery       the pictures of the page: each needed case once, and the heat maps that go over it
misread       which cases the page shows: one per class for the panel, and every one that was
              misread
thumbnails    small pictures for the page as ``data:`` addresses: cases, lesion outlines, heat
              maps
drawings      the figures of a study: as files in one language, and in the page in both
documents     what stands beside the page: methods, checklists and model cards as files, the Word
              document
methods       the methods in four paragraphs: what was done, from settings and data files, and
              nothing else
recipe        sentences on how the networks were trained, from the settings and the runs' own
              records
inference     how the numbers were inferred, in sentences: intervals, tests, calibration,
              subgroups
exclusions    what an ingest left out and which scanners made the images, as far as a study's
              files say
facts         facts that the files of a study prove, each with where they prove it
split_facts   what ``splits.csv`` of a study proves about its partitions
checklists    reporting checklists, filled where the study's files prove an item and open
              elsewhere
cards         the model card of each network, from the files of a study alone
word_content  the report as a Word document: the page's content for journals and hospitals
word          A Word document in the manner of a journal: headings, three-line tables, figures,
              captions
"""
