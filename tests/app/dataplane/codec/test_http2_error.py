from app.dataplane.codec.http2_error import ENHANCE_YOUR_CALM, NO_ERROR, error_name


def test_codes_have_the_names_of_the_rfc_and_strange_ones_stay_numbers():
    assert error_name(NO_ERROR) == "NO_ERROR"
    assert error_name(ENHANCE_YOUR_CALM) == "ENHANCE_YOUR_CALM"
    assert error_name(13) == "HTTP_1_1_REQUIRED"
    assert error_name(0xBEEF) == "0xbeef"
