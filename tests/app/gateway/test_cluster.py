from app.config.sync.newest import Addresses, Delta, Held
from app.config.sync.newest_codec import ENDPOINTS, encode_delta
from app.config.sync.snapshot import pack, seal
from app.gateway.cluster import booted, is_in_cluster, known_endpoints
from app.settings import load_settings

LINEAGE = "00000000-0000-4000-8000-000000000001"
KNOWN: Delta[Addresses] = Delta(Held("boot", 3), True, {"a": (("10.0.0.1", 80),)})


def test_outside_a_cluster_nothing_is_known(tmp_path):
    copy = tmp_path / "endpoints.gz"
    copy.write_bytes(encode_delta(ENDPOINTS, KNOWN))
    settings = load_settings({"ENDPOINTS_FILE": str(copy)})
    assert (is_in_cluster(settings), booted(settings)) == (False, (settings, None))
    assert known_endpoints(settings) is None


def test_in_a_cluster_it_begins_with_what_is_mounted_and_what_it_kept(tmp_path):
    mounted, copy = tmp_path / "snapshot.json.gz", tmp_path / "endpoints.gz"
    settings = load_settings(
        {"SNAPSHOT_FILE": str(mounted), "ENDPOINTS_FILE": str(copy), "POD_NAMESPACE": "shop"}
    )
    assert (is_in_cluster(settings), booted(settings)[1]) == (True, None)
    assert (known := known_endpoints(settings)) is not None
    assert known.names == set()
    snapshot = seal(LINEAGE, 3, (), complete=True)
    mounted.write_bytes(pack(snapshot))
    copy.write_bytes(encode_delta(ENDPOINTS, KNOWN))
    assert booted(settings) == (settings, snapshot)
    assert (known := known_endpoints(settings)) is not None
    assert known.whole == KNOWN
