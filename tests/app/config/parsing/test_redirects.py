from app.config.model import Redirect
from app.config.parsing.redirects import redirect_record
from app.schema.faults import Faults


def test_a_route_of_the_cluster_may_redirect_to_the_same_url_and_a_files_may_not():
    of_cluster, of_file = Faults(), Faults()
    made = redirect_record(may_lead_back=True).open({"status": 303}, (), of_cluster)
    redirect_record(may_lead_back=False).open({"status": 303}, (), of_file)
    assert (made, len(of_cluster)) == (Redirect(303), 0)
    assert [found.what for found in of_file.found] == ["leads back to the same URL"]
