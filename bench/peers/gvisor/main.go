// main.go - gVisor's netstack under the measurements of tern-bench: two stacks in one process, its own pipe as the link
// between them, its net.Conn adapters as the application. It prints its figures as numbers on one line; peer_gvisor.c
// runs it.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	mtu        = 1500
	firstPort  = 80
	cyclePorts = 32

	idlePort    = 1000
	idlePerPort = 20000
)

var addresses = [2]tcpip.Address{tcpip.Address("\x0a\x00\x00\x01"), tcpip.Address("\x0a\x00\x00\x02")}

func must(what string, failed bool, err interface{}) {
	if failed {
		fmt.Fprintf(os.Stderr, "gvisor: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func host(side int, link stack.LinkEndpoint, window int) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	fixed := tcpip.TCPModerateReceiveBufferOption(false)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: window, Max: window}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: window, Max: window}
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &fixed, &receive, &send} {
		err := s.SetTransportProtocolOption(tcp.ProtocolNumber, option)
		must("option", err != nil, err)
	}
	err := s.CreateNIC(1, link)
	must("interface", err != nil, err)
	err = s.AddProtocolAddress(1, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: addresses[side], PrefixLen: 24},
	}, stack.AddressProperties{})
	must("address", err != nil, err)
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	return s
}

func hosts(window int) [2]*stack.Stack {
	a, b := pipe.New("\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", mtu)
	return [2]*stack.Stack{host(0, a, window), host(1, b, window)}
}

func listen(s *stack.Stack, port int) *gonet.TCPListener {
	l, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: 1, Addr: addresses[1], Port: uint16(port)}, ipv4.ProtocolNumber)
	must("listen", err != nil, err)
	return l
}

func dial(s *stack.Stack, port int) *gonet.TCPConn {
	c, err := gonet.DialTCP(s, tcpip.FullAddress{NIC: 1, Addr: addresses[1], Port: uint16(port)}, ipv4.ProtocolNumber)
	must("connect", err != nil, err)
	return c
}

// Processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Gbit/s of processor time, nanoseconds per data segment, segments back per data segment.
func bulk(window int, length time.Duration) {
	s := hosts(window)
	l := listen(s[1], firstPort)
	go func() {
		c := dial(s[0], firstPort)
		out := make([]byte, 65536)
		for {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	c, err := l.Accept()
	must("accept", err != nil, err)
	in := make([]byte, 65536)
	read := func(length time.Duration) (total int) {
		for until := time.Now().Add(length); time.Now().Before(until); {
			n, err := c.Read(in)
			must("read", err != nil, err)
			total += n
		}
		return total
	}
	read(length / 4)
	sent, back, start := s[0].Stats().TCP.SegmentsSent.Value(), s[1].Stats().TCP.SegmentsSent.Value(), used()
	bytes := read(length)
	took := float64(used() - start)
	segments := float64(s[0].Stats().TCP.SegmentsSent.Value() - sent)
	fmt.Println(float64(bytes)*8/took, took/segments, float64(s[1].Stats().TCP.SegmentsSent.Value()-back)/segments)
}

// Thousand cycles of connect and close a second, nanoseconds a cycle, segments a cycle; nanoseconds a round trip of one byte.
func conn(length time.Duration) {
	s := hosts(65536)
	for i := 0; i < cyclePorts; i++ {
		go func(l *gonet.TCPListener) {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					io.Copy(c, c)
					c.Close()
				}()
			}
		}(listen(s[1], firstPort+i))
	}
	echo := dial(s[0], firstPort)
	segments := func() float64 {
		return float64(s[0].Stats().TCP.SegmentsSent.Value() + s[1].Stats().TCP.SegmentsSent.Value())
	}
	var n, start, before = 0, used(), segments()
	one := make([]byte, 1)
	for until := time.Now().Add(length); time.Now().Before(until); n++ {
		c := dial(s[0], firstPort+n%cyclePorts)
		c.CloseWrite()
		_, err := c.Read(one)
		must("close", err != io.EOF, err)
		c.Close()
	}
	took, sent := float64(used()-start), segments()-before
	trips := 0
	start = used()
	for until := time.Now().Add(length); time.Now().Before(until); trips++ {
		_, err := echo.Write(one)
		must("write", err != nil, err)
		_, err = io.ReadFull(echo, one)
		must("read", err != nil, err)
	}
	fmt.Println(float64(n)/took*1e6, took/float64(n), sent/float64(n), float64(used()-start)/float64(trips))
}

// Bytes of heap for each end of an idle connection.
func memory(count int) {
	s := hosts(65536)
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	var l *gonet.TCPListener
	var kept []interface{}
	before := heap()
	for i := 0; i < count; i++ {
		if i%idlePerPort == 0 {
			l = listen(s[1], idlePort+i/idlePerPort)
		}
		a := dial(s[0], idlePort+i/idlePerPort)
		b, err := l.Accept()
		must("accept", err != nil, err)
		kept = append(kept, a, b)
	}
	fmt.Println((heap() - before) / float64(2*count))
	runtime.KeepAlive(kept)
}

func main() {
	runtime.GOMAXPROCS(1)
	number := func(i int) int {
		if i >= len(os.Args) {
			fmt.Fprintln(os.Stderr, "usage: gvisor bulk WINDOW NS | conn NS | memory COUNT")
			os.Exit(2)
		}
		n, err := strconv.Atoi(os.Args[i])
		must(os.Args[i], err != nil, err)
		return n
	}
	number(2)
	switch os.Args[1] {
	case "bulk":
		bulk(number(2), time.Duration(number(3)))
	case "conn":
		conn(time.Duration(number(2)))
	case "memory":
		memory(number(2))
	}
}
