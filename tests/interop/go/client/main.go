// Go's own HTTP/2 client against a gateway: `client URL CA`. It prints one line for each thing that it has seen hold,
// and ends with 1 at the first one that does not.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

const (
	bodyBytes  = 4 << 20
	streams    = 100
	smallBytes = 1000
)

func check(held bool, what string, seen ...any) {
	if !held {
		fmt.Println("FAILED:", what, fmt.Sprint(seen...))
		os.Exit(1)
	}
}

func exchange(client *http.Client, request *http.Request) (*http.Response, []byte) {
	response, err := client.Do(request)
	check(err == nil, request.Method+" "+request.URL.Path, err)
	body, err := io.ReadAll(response.Body)
	check(err == nil, "the body of "+request.URL.Path, err)
	response.Body.Close()
	check(response.ProtoMajor == 2 && response.StatusCode == 200, request.URL.Path, response.Proto, response.Status)
	return response, body
}

func request(method, url string, body io.Reader) *http.Request {
	made, err := http.NewRequest(method, url, body)
	check(err == nil, "a request", err)
	return made
}

func main() {
	url := os.Args[1]
	pem, err := os.ReadFile(os.Args[2])
	check(err == nil, "the CA", err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}}

	_, body := exchange(client, request("GET", url+"/bytes/1000", nil))
	check(len(body) == smallBytes, "a small body", len(body))
	fmt.Println("get")

	sent := bytes.Repeat([]byte("0123456789abcdef"), bodyBytes/16)
	_, body = exchange(client, request("POST", url+"/echo", bytes.NewReader(sent)))
	check(bytes.Equal(sent, body), "a large body both ways", len(body))
	fmt.Println("post")

	var group sync.WaitGroup
	for range [streams]struct{}{} {
		group.Add(1)
		go func() {
			defer group.Done()
			_, body := exchange(client, request("GET", url+"/bytes/1000", nil))
			check(len(body) == smallBytes, "one of many streams", len(body))
		}()
	}
	group.Wait()
	fmt.Println("streams")

	withTrailer := request("POST", url+"/trailers", io.MultiReader(bytes.NewReader(sent[:100])))
	withTrailer.Trailer = http.Header{"X-Sum": {"of the request"}}
	response, _ := exchange(client, withTrailer)
	check(response.Header.Get("X-Seen") == "of the request", "the request's trailer", response.Header)
	check(response.Trailer.Get("X-Sum") == "of the response", "the response's trailer", response.Trailer)
	fmt.Println("trailers")
}
