"""The same addresses as moto's, and one that moto lacks, leading to our answers."""

from moto.inspector2 import urls as moto_urls

from patching.simulator.inspector2.responses import SimResponse

url_bases = moto_urls.url_bases
url_paths = dict.fromkeys(moto_urls.url_paths, SimResponse.dispatch)
url_paths |= {"{0}/coverage/list$": SimResponse.dispatch}
