"""The title that page and document share."""

from metrascope.pages import Bilingual, sentence
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study


def study_title(study: Study) -> Bilingual:
    """Return the title of a study's report: its networks and its data set."""
    data = study.name or sentence("report.unnamed")
    if len(study.networks) == 1:
        return sentence("report.title_one", network=network_title(study.networks[0]), data=data)
    return sentence("report.title", networks=len(study.networks), data=data)
