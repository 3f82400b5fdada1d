#!/usr/bin/python3
"""language.py - the language of tern drill, construct by construct: what is written is done, what is wrong is refused
with file, line and column. Both widespread dialects. Run by tests/e2e/test_drill_language.sh."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

TERN = os.environ["TERN"]
FAILED = []

LISTEN = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
OPEN = LISTEN + """+.1 < S 0:0(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
"""


def drill(text, *options):
    pathlib.Path("script.pkt").write_text(text, encoding="utf-8")
    done = subprocess.run([TERN, "drill", *options, "script.pkt"], capture_output=True, text=True, timeout=600,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def check(name, good, output):
    if not good:
        FAILED.append(name)
        print(f"FAILED: {name}\n{output}")


def passes(name, text, *options):
    code, output = drill(text, *options)
    check(name, code == 0 and output.splitlines()[-1] == "PASS 1 / 1", output)
    return output


def fails(name, text, *words, options=()):
    """It runs, and something is not as the script says."""
    code, output = drill(text, *options)
    check(name, code == 1 and output.splitlines()[-1] == "PASS 0 / 1" and all(w in output for w in words), output)


def refused(name, text, line, column, word=""):
    """It does not run: the place and a word of the reason."""
    code, output = drill(text)
    first = output.splitlines()[0] if output else ""
    check(name, code == 1 and first.startswith(f"script.pkt:{line}:{column}: ") and word in first, output)


def written():
    passes("blank space means nothing", OPEN.replace("\n", "\n\n \t") + "+0\n  write(4,\n ..., 10)\n=\n10\n"
           "+0>P. 1:11(10) ack 1")
    passes("comments", "// one\n/* two\n lines */" + OPEN + "+0 /* here */ write(4, ..., 10) = 10 // and here\n"
           "+0 > P. 1:11(10) ack 1\n")
    passes("carriage returns", OPEN.replace("\n", "\r\n"))
    passes("hexadecimal", OPEN + "+0 write(4, ..., 0x10) = 0x10\n+0 > P. 1:17(16) ack 1\n")
    passes("symbols joined", "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, IPPROTO_TCP) = 3\n"
           "+0 fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)\n")
    passes("strings joined", '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n'
           '+0 setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, "re" "no", 4) = 0\n'
           '+0 getsockopt(3, IPPROTO_TCP, TCP_CONGESTION, "\\x72eno", [16]) = 0\n')
    passes("an error and its comment", "0 close(9) = -1 EBADF (Bad file descriptor)\n")
    fails("another error", "0 close(9) = -1 EINVAL\n", "script.pkt:1:3", "EBADF", "EINVAL")
    fails("another result", OPEN + "+0 write(4, ..., 10) = 9\n", "write", "10", "9")
    passes("any result", OPEN + "+0 write(4, ..., 10) = ...\n+0 > P. 1:11(10) ack 1\n")
    passes("a descriptor has the script's number", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 17\n+0 close(17) = 0\n"
           "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 17\n")
    passes("ports of its own", LISTEN + "+0 < 1234 > 8080 S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n")
    passes("no flags", LISTEN + "+0 < - 0:0(0) win 100\n+0 < S 7:7(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 8 <...>\n")


def times():
    passes("absolute", LISTEN + "0.5 < S 0:0(0) win 100 <mss 1000>\n0.5 > S. 0:0(0) ack 1 <...>\n"
           "1.5 > S. 0:0(0) ack 1 <...>\n")
    passes("relative to what was before", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n"
           "+0 > S. 0:0(0) ack 1 <...>\n+1 > S. 0:0(0) ack 1 <...>\n")
    passes("a range", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+.9~+1.1 > S. 0:0(0) ack 1 <...>\n1.4~3.7 > S. 0:0(0) ack 1 <...>\n")
    passes("any time", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n* > S. 0:0(0) ack 1 <...>\n"
           "* > S. 0:0(0) ack 1 <...>\n")
    fails("too late", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
          "+.5 > S. 0:0(0) ack 1 <...>\n", "script.pkt:7:5")
    fails("too early", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n+.5 > S. 0:0(0) ack 1 <...>\n", "0.500000",
          "1.000000")
    fails("outside the range", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
          "+2~+3 > S. 0:0(0) ack 1 <...>\n", "script.pkt:7:7")
    late = LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n+.003 > S. 0:0(0) ack 1 <...>\n"
    passes("within the tolerance", late)
    fails("tolerance chosen", late, options=["--tolerance_usecs=1000", "--tolerance_percent=0"])
    passes("a share of the time is tolerated", LISTEN + "+.5 < S 0:0(0) win 100 <mss 1000>\n"
           "+0 > S. 0:0(0) ack 1 <...>\n+1.1 > S. 0:0(0) ack 1 <...>\n")
    passes("packets one after the other keep their pace", OPEN + "+.1 < P. 1:11(10) ack 1 win 1000\n"
           "+.01 < P. 11:21(10) ack 1 win 1000\n"
           "+.01 < P. 21:31(10) ack 1 win 1000\n* > . 1:1(0) ack 21\n* > . 1:1(0) ack 31\n")
    passes("a call that waits", OPEN + "+0...0.2 read(4, ..., 100) = 5\n+.2 < P. 1:6(5) ack 1 win 1000\n"
           "* > . 1:1(0) ack 6\n")
    passes("a call that waits, absolute", OPEN + "0.5...0.7 read(4, ..., 100) = 5\n0.7 < P. 1:6(5) ack 1 win 1000\n")
    fails("it ends too early", OPEN + "+0...0.3 read(4, ..., 100) = 5\n+.2 < P. 1:6(5) ack 1 win 1000\n",
          "script.pkt:9:10", "0.400000", "0.500000")
    fails("it does not end", OPEN + "+0...0.3 read(4, ..., 100) = 5\n+.5 write(4, ..., 1) = 1\n", "read")
    fails("it does not end before the script", OPEN + "+0...0.3 read(4, ..., 100) = 5\n", "read")
    passes("one call after the other waits", OPEN
           + "+0...0.1 poll([{fd=4, events=POLLIN, revents=0}], 1, 100) = 0\n"
           "+0...0.1 poll([{fd=4, events=POLLIN, revents=0}], 1, 100) = 0\n")
    passes("two hours take no time", OPEN + "+7200 write(4, ..., 1) = 1\n+0 > P. 1:2(1) ack 1\n")
    passes("a call that waits unasked", OPEN.replace("+.1 < . 1:1(0)", "+.1 < . 1:1(0)")
           + "+.1 < P. 1:6(5) ack 1 win 1000\n+0 recv(4, ..., 5, MSG_WAITALL) = 5\n")
    fails("it would wait for ever", OPEN + "+0 read(4, ..., 5) = 5\n", "EDEADLK")


def packets():
    fails("flags differ", OPEN + "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n", "expected", "actual", "^")
    fails("length differs", OPEN + "+0 write(4, ..., 10) = 10\n+0 > P. 1:10(9) ack 1\n", "1:11(10)")
    fails("window differs", LISTEN + "+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 win 7 <...>\n",
          "win 65535")
    fails("an option differs", LISTEN + "+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1461>\n",
          "mss 1460")
    fails("there are options", LISTEN + "+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1\n", "mss 1460")
    fails("nothing is sent", OPEN + "+0 > . 1:1(0) ack 1\n", "script.pkt:9:4")
    passes("segments add up", OPEN.replace("win 1000", "win 9000") + "+0 write(4, ..., 4000) = 4000\n"
           "+0 > P. 1:4001(4000) ack 1\n")
    fails("unless that is not wanted", OPEN.replace("win 1000", "win 9000") + "+0 write(4, ..., 4000) = 4000\n"
          "+0 > P. 1:4001(4000) ack 1\n", "1:1001(1000)", options=["--strict_segments"])
    passes("sequence wildcard", OPEN + "+0 write(4, ..., 10) = 10\n+0 > P. ...(10) ack 1\n")
    passes("absolute numbers", LISTEN + "+0 < S 100:100(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 101 <...>\n"
           "+.1 < . 101!:101!(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n")
    passes("TTL", LISTEN + "+0 < (ttl 9) S 0:0(0) win 100 <mss 1000>\n+0 > (ttl 64) S. 0:0(0) ack 1 <...>\n")
    fails("another TTL", LISTEN + "+0 < S 0:0(0) win 100 <mss 1000>\n+0 > (ttl 63) S. 0:0(0) ack 1 <...>\n", "ttl 64")
    passes("hop limit and class, second dialect", "--ip_version=ipv6\n" + LISTEN
           + "+0 < (hlim 9) S 0:0(0) win 100 <mss 1000>\n+0 > (hlim 64) S. 0:0(0) ack 1 <...>\n")
    ecn = (
        LISTEN
        + "+0 < SEW 0:0(0) win 1000 <mss 1000>\n+0 > SE. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 1000\n"
        "+0 accept(3, ..., ...) = 4\n+0 write(4, ..., 10) = 10\n"
    )
    passes("ECN bits", ecn + "+0 > [ect0] P. 1:11(10) ack 1\n")
    passes("either of two ECN bits", ecn + "+0 > [ect01] P. 1:11(10) ack 1\n")
    fails("no ECN", ecn + "+0 > [noecn] P. 1:11(10) ack 1\n", "ect0")
    passes("ACE as a number", LISTEN + "+0 < S7 0:0(0) win 1000 <mss 1000>\n+0 > S2. 0:0(0) ack 1 <...>\n")
    passes("accurate ECN's option, Fast Open, MD5 and their like", LISTEN
           + "+0 < S 0:0(0) win 1000 <mss 1000,FO,FOEXP,nop,nop>\n+0 > S. 0:0(0) ack 1 <...>\n"
           "+.1 < . 1:1(0) ack 1 win 1000 <ECN e0b 1 ceb 0 e1b 1,nop>\n"
           "+.1 < . 1:1(0) ack 1 win 1000 <md5 00112233445566778899aabbccddeeff,eol,nop>\n")
    fails("a packet too many, strictly", OPEN + "+0 write(4, ..., 10) = 10\n", "1:11(10)", options=["--strict"])
    passes("a packet too many, else", OPEN + "+0 write(4, ..., 10) = 10\n")
    passes("not fatal", OPEN + "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n+0 write(4, ..., 10) = 11\n",
           "--non_fatal=packet,syscall")
    stamps = (
        LISTEN
        + "+0 < S 0:0(0) win 1000 <mss 1000,nop,nop,TS val 5 ecr 0>\n"
        "+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 100 ecr 5>\n" 
        "+.1 < . 1:1(0) ack 1 win 1000 <nop,nop,TS val 6 ecr {}>\n+0 accept(3, ..., ...) = 4\n"
        "+.1 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop,nop,TS val {} ecr {}>\n"
    )
    passes("timestamps", stamps.format(100, 300, 6), "--tcp_ts_tick_usecs=1000", "--strict")
    passes("timestamps are not compared unless asked", stamps.format(100, 777, 777))
    fails("asked", stamps.format(100, 777, 6), "TS val 300", options=["--tcp_ts_tick_usecs=1000"])
    fails("an echo, strictly", stamps.format(100, 300, 7), "ecr 6", options=["--strict"])
    fails("an echo of nothing", stamps.format(99, 300, 6), "script.pkt:7:5")
    passes("unless scaled", stamps.format(99, 300, 6), "--tcp_ts_ecr_scaled")
    passes("ICMP", "0 < icmp echo_request id 9\n+0 > icmp echo_reply id 9\n")
    fails("another ICMP", "0 < icmp echo_request id 9\n+0 > icmp unreachable port_unreachable\n", "echo_reply")
    passes("ICMP by number", "0 < icmp type_8 code_0 id 9\n+0 > icmp type_0 id 9\n")
    passes("a raw ICMP error is not believed", OPEN + "+0 < icmp unreachable host_unreachable [raw (20)]\n"
           "+0 < icmp unreachable port_unreachable [udp (20)]\n"
           "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n")


def options():
    passes("addresses and ports", "--local_ip=10.1.1.1\n--remote_ip=10.2.2.2\n--bind_port=99\n" + OPEN)
    passes("options of other places",
           "--tolerance_usecs=10000 --gateway_ip=1.1.1.1 --netmask_ip=255.255.0.0 --speed=cur --wire_client\n" + OPEN)
    passes("the command line counts more", "--mtu=600\n" + OPEN, "--mtu=1500")
    passes("defines", "--define MSS=1000\n--define KIND=SOCK_STREAM\n" + OPEN.replace("SOCK_STREAM",
                                                                                      "KIND").replace("mss 1000",
                                                                                                      "mss MSS"))
    passes("defines of the command line", OPEN.replace("mss 1000", "mss MSS"), "-D", "MSS=1000")
    passes("a define as a command", "--define SETUP=`sysctl -q tern.sack=0`\nSETUP\n" + OPEN)
    both = "#ifdef BIG\n" + OPEN.replace("mss 1460", "mss 1") + "#else\n" + OPEN + "#endif\n"
    passes("#ifdef, second dialect", both)
    fails("#ifdef with its name", both, "mss 1460", options=["-D", "BIG"])
    passes("#ifndef in #ifdef", "#ifndef A\n#ifdef B\nnonsense\n#else\n" + OPEN + "#endif\n#else\nnonsense\n#endif\n")
    passes("a setting",
           "`sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0; sysctl -w net.ipv4.tcp_window_scaling=0`\n"
           "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n"
           "+0 connect(3, ..., ...) = -1 EINPROGRESS\n+0 > S 0:0(0) <mss 1460>\n")
    output = passes("a command that is none", "`./defaults.sh`\n" + OPEN)
    check("it is said to be skipped", "./defaults.sh" in output and "--shell" in output, output)
    passes("with --shell it is run", "`touch was-here`\n" + OPEN + "+0 `test -e was-here`\n`rm was-here`\n", "--shell")
    check("and was", not pathlib.Path("was-here").exists(), "")
    fails("and its status counts", OPEN + "+0 `false`\n", "script.pkt:9:4", options=["--shell"])
    passes("only read", OPEN + "+0 > R 9:9(0)\n", "--dry_run")


def code():
    passes("an assertion", OPEN + "+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n")
    fails("one that does not hold", OPEN + "+0 %{ assert tcpi_snd_cwnd == 99 }%\n", "script.pkt:9:4",
          "tcpi_snd_cwnd == 99", "tcpi_snd_cwnd = 10")
    passes("lines, and variables that stay", OPEN + "+0 %{\nbefore = tcpi_bytes_acked\nif before:\n    x = 1\n"
           "}%\n+0 %{ assert tcpi_bytes_acked == before }%\n")
    fails("no Python", OPEN + "+0 %{ assert ( }%\n", "SyntaxError")
    fails("another interpreter that is not there", OPEN + "+0 %{ assert 1 }%\n", "no-such-python",
          options=["--code_command=no-such-python"])


def errors():
    refused("no such call", OPEN + "+0 sing(4) = 0\n", 9, 4, "sing")
    refused("no such symbol", "0 socket(..., SOCK_STREAM, IPPROTO_XTP) = 3\n", 1, 28, "IPPROTO_XTP")
    refused("arguments missing", "0 listen(3) = 0\n", 1, 3, "listen")
    refused("no such error", "0 close(3) = -1 EWRONG\n", 1, 17, "EWRONG")
    refused("the sum is wrong", LISTEN + "+0 < S 0:1(0) win 10\n", 5, 8, "0")
    refused("no window", LISTEN + "+0 < S 0:0(0)\n", 6, 1, "win")
    refused("an ACK without its flag", LISTEN + "+0 < S 0:0(0) ack 1 win 10\n", 5, 6)
    refused("options that do not fill words", LISTEN + "+0 < S 0:0(0) win 10 <mss 1000,nop>\n", 5, 22)
    refused("no such option", LISTEN + "+0 < S 0:0(0) win 10 <mmm 1000>\n", 5, 23, "mmm")
    refused("five blocks", LISTEN + "+0 < . 0:0(0) ack 1 win 10 <sack 1:2 3:4 5:6 7:8 9:10>\n", 5, 50)
    refused("any options cannot arrive", LISTEN + "+0 < S 0:0(0) win 10 <...>\n", 5, 23)
    refused("a flag that there is not", LISTEN + "+0 < X 0:0(0) win 10\n", 5, 6)
    refused("a flag twice", LISTEN + "+0 < SS 0:0(0) win 10\n", 5, 6)
    refused("time goes back", "1 close(1) = 0\n", 1, 1)
    refused("time goes back later", LISTEN + "2 close(3) = 0\n1 close(3) = 0\n", 6, 1)
    refused("a call cannot come at any time", LISTEN + "* close(3) = 0\n", 5, 1)
    refused("a packet cannot wait", LISTEN + "+0...1 < S 0:0(0) win 10\n", 5, 1)
    refused("ranges are written alike", LISTEN + "+1~2 > S 0:0(0)\n", 5, 3)
    refused("a string without end", '0 open("x\n', 1, 3)
    refused("a comment without end", OPEN + "/* what\n", 9, 1)
    refused("a command without end", OPEN + "+0 `what\n", 9, 4)
    refused("code without end", OPEN + "+0 %{ what\n", 9, 4)
    refused("#ifdef without end", "#ifdef A\n" + OPEN, 1, 1)
    refused("#endif alone", OPEN + "#endif\n", 9, 1)
    refused("no such option of the script", "--nonsense=1\n" + OPEN, 1, 1, "nonsense")
    refused("a value that fits no option", "--mtu=9\n" + OPEN, 1, 1, "9")
    refused("encapsulation", LISTEN + "+0 < ipv4 1.1.1.1 > 2.2.2.2: . 1:1(0) ack 1 win 10\n", 5, 6)
    refused("no event", "// nothing\n", 2, 1)
    refused("rubbish behind the end", OPEN + "&\n", 9, 1)
    refused("ICMP that there is not", "0 < icmp rubbish\n", 1, 10, "rubbish")
    refused("a code of another type", "0 < icmp time_exceeded port_unreachable\n", 1, 24)
    refused("bytes of no text", "\x01\x02", 1, 1)
    code, output = drill("0 close(1) = -1 EBADF\n", "--mtu", "1")
    check("a wrong value on the command line", code == 2 and "--mtu" in output, output)


def outputs():
    wrong = OPEN + "+0 write(4, ..., 10) = 10\n+0 > P. 1:12(11) ack 1\n"
    code, output = drill(wrong)
    lines = output.splitlines()
    expected = next((i for i, line in enumerate(lines) if line.startswith("  expected")), 0)
    aligned = expected and lines[expected + 1].startswith("  actual") and \
        lines[expected].index("ack 1") == lines[expected + 1].index("ack 1") and "^" in lines[expected + 2]
    check("two aligned packets", aligned, output)
    check("the line of the script", "+0 > P. 1:12(11) ack 1" in output, output)
    check("what happened, and why",
          "SYN-RECEIVED -> ESTABLISHED" in output and "bytes from the send buffer" in output, output)
    code, output = drill(wrong, "--lang", "zh")
    check("in Chinese", code == 1 and "预期" in output and "实际" in output, output)
    code, output = drill(wrong, "--json")
    records = [json.loads(line) for line in output.splitlines()]
    check("JSON",
          records[0]["schema"] == "tern.drill/1" and records[1]["verdict"] == "fail" and records[1]["line"] == 10
          and records[2] == {"kind": "sum", "passed": 0, "scripts": 1, "skipped": 0}, output)
    drill(wrong, "--junit", "out.xml", "--pcap", "out.pcapng")
    suite = ElementTree.parse("out.xml").getroot()
    check("JUnit",
          suite.get("tests") == "1" and suite.get("failures") == "1" and suite.find("testcase/failure") is not None, "")
    check("a capture", pathlib.Path("out.pcapng").read_bytes()[:4] == b"\x0a\x0d\x0d\x0a", "")
    for folder in ("tree/a", "tree/b"):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for i in range(5):
            pathlib.Path(folder, f"{i}.pkt").write_text(wrong if folder == "tree/b" and i == 3 else OPEN,
                                                        encoding="utf-8")
    done = subprocess.run([TERN, "drill", "--jobs", "3", "tree"], capture_output=True, text=True, timeout=600,
                          check=False)
    check("folders and jobs",
          done.returncode == 1 and "   5 / 5    tree/a" in done.stdout and "   4 / 5    tree/b" in done.stdout
          and done.stdout.endswith("PASS 9 / 10\n"), done.stdout)
    done = subprocess.run([TERN, "drill", "nowhere"], capture_output=True, text=True, timeout=600, check=False)
    check("no such file", done.returncode == 1 and "nowhere" in done.stderr, done.stderr)


for part in (written, times, packets, options, code, errors, outputs):
    part()
print(f"{len(FAILED)} failed")
sys.exit(1 if FAILED else 0)
