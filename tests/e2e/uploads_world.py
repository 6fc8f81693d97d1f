"""uploads_world - an Image repository that takes uploads of two suppliers and of the desk, with a
signer of its own: what test_uploads and test_offline_keys begin with.
SPDX-License-Identifier: MIT"""

import hashlib
import json
import os
import shutil
import ssl
import time

from backend import World


class Works(World):
    """An Image repository with two suppliers; the server has no key of anybody but its own."""

    def images_repository(self):
        self.served = self.dir + "/served"
        for name in ("oem", "acme", "bolt"):
            self.person(name)
        self.person("images-online")
        roles = [word for role, name in (("root", "oem"), ("targets", "oem"),
                                         ("snapshot", "images-online"),
                                         ("timestamp", "images-online"))
                 for word in ("--role", f"{role}=1:{name}.json")]
        self.secureev("repo", "init", "--repo", "images", "--kind", "images", *roles)
        for name, path in (("acme", "brakes/*"), ("bolt", "doors/*")):
            self.secureev("repo", "delegate", name, "--repo", "images", "--path", path,
                          "--keys", f"1:{name}.json")
        self.add("images", "brakes/old.img", b"old brakes", "acme")
        self.add("images", "doors/old.img", b"old doors", "bolt")
        self.publish("images", "oem", "acme", "bolt")
        shutil.copytree(f"{self.dir}/images/public", self.served)
        self.cars["acme"] = self.ca.give("acme", "acme")
        self.cars["bolt"] = self.ca.give("bolt", "bolt")
        self.cars["desk"] = self.ca.give("desk", "desk")

    def add(self, repo, name, data, role, counter="1"):
        self.write("image", data)
        self.secureev("repo", "add", name, "image", "--repo", repo, "--role", role,
                      "--hardware-id", "brake-7", "--release-counter", counter, "--version", "1")

    def sign_native(self, repo, who):
        """What is staged that this person's key signs."""
        desk = f"{self.dir}/desk-{time.monotonic_ns()}"
        os.mkdir(desk)
        for file in os.listdir(f"{self.dir}/{repo}/staged"):
            mine = {"oem": ("root", "targets")}.get(who, (who,))
            if file.endswith(".tbs") and file.split(".", 2)[2][:-4] in mine:
                self.secureev("repo", "sign", f"{repo}/staged/{file}", "--key", who, "--keystore",
                              f"{self.dir}/keys/{who}", "--passphrase-file", "pass", "--out", desk)
        return [os.path.join(desk, f) for f in os.listdir(desk)]

    def publish(self, repo, *people):
        self.secureev("repo", "stage", "--repo", repo)
        signed = [f for who in people for f in self.sign_native(repo, who)]
        self.secureev("repo", "assemble", "--repo", repo, *signed)
        self.secureev("repo", "publish", "--repo", repo, "--keystore",
                      f"{self.dir}/keys/images-online", "--passphrase-file", "pass")

    def director_root(self):
        pass  # nobody asks for it here

    def images_signer_text(self, folder, keystore, passphrase, user):
        keys = "".join(f"[key images-{role}]\nkey = images-online\nrepository = images\n"
                       f"sign = {role}\nusers = {user}\n" for role in ("snapshot", "timestamp"))
        return (f"[signer]\nsocket = {folder}/images-signer.sock\nkeystore = {keystore}\n"
                f"passphrase_file = {passphrase}\nlog = json\n{keys}")

    def images_text(self, folder, tls, served, uploads):
        suppliers = "".join(f"[supplier {name}]\nidentity = {name}\nroles = {roles}\n"
                            for name, roles in (("acme", "acme acme-sub"), ("bolt", "bolt"),
                                                ("desk", "root targets")))
        return (f"[server]\nlog = json\n[images]\nlisten = 127.0.0.1:0\n{tls}folder = {served}\n"
                f"uploads = {uploads}\nsigner = {folder}/images-signer.sock\n"
                f"uploads_bytes = 64M\nuploads_open = 4\n{suppliers}")

    def up(self):
        self.images_signer_config = self.write("images-signer.conf", self.images_signer_text(
            self.dir, f"{self.dir}/keys/images-online", f"{self.dir}/pass", os.getuid()).encode())
        tls = (f"certificate = {self.server[0]}\ncertificate_key = {self.server[1]}\n"
               f"clients = {self.ca.path}\n")
        self.images_config = self.write("images-up.conf", self.images_text(
            self.dir, tls, self.served, f"{self.dir}/uploads").encode())
        self.images_signer, _ = self.start("secureev-signer", self.images_signer_config)
        self.start_images()

    def start_images(self):
        if os.path.exists(self.images_config + ".log"):
            os.remove(self.images_config + ".log")
        self.images, ports = self.start("secureevd", self.images_config)
        self.images_port = ports["images"]

    # ------------------------------------------------------------- uploading

    def put(self, who, path, body=b"", headers=None, port=None):
        connection = self.connection(port or self.images_port, who)
        connection.putrequest("PUT", path)
        for field, value in {"Content-Length": len(body), **(headers or {})}.items():
            connection.putheader(field, str(value))
        connection.endheaders()
        try:
            connection.send(body)
        except (OSError, ssl.SSLError):
            pass  # it was answered before the end
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if data else None

    def desk_of(self, name):
        """A supplier's own copy of the repository."""
        copy = f"{name}-{time.monotonic_ns()}"
        shutil.copytree(f"{self.dir}/images", f"{self.dir}/{copy}")
        return copy

    def newest(self, repo, role):
        found = [f for f in os.listdir(f"{self.dir}/{repo}/public") if f.endswith(f".{role}.json")]
        return max(found, key=lambda f: int(f.split(".")[0]))

    def file(self, repo, name):
        with open(f"{self.dir}/{repo}/public/{name}", "rb") as file:
            return file.read()


def image_path(name, data):
    folder, _, file = name.rpartition("/")
    return f"/targets/{folder}/{hashlib.sha256(data).hexdigest()}.{file}"
