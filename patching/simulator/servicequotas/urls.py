"""The same addresses as moto's, leading to our answers."""

from moto.servicequotas import urls as moto_urls

from patching.simulator.servicequotas.responses import SimResponse

url_bases = moto_urls.url_bases
url_paths = dict.fromkeys(moto_urls.url_paths, SimResponse.dispatch)
