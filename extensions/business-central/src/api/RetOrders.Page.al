page 50111 "BH API Ret. Orders"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'salesReturnOrder';
    EntitySetName = 'salesReturnOrders';
    SourceTable = "Sales Header";
    SourceTableView = where("Document Type" = const("Return Order"));
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(number; Rec."No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(yourReference; Rec."Your Reference") { }
                field(customerNumber; Rec."Sell-to Customer No.") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentDate; Rec."Document Date") { }
                field(currencyCode; Rec."Currency Code") { }
                field(locationCode; Rec."Location Code") { }
                field(status; Rec.Status) { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
                part(salesReturnOrderLines; "BH API Ret. Order Lines")
                {
                    EntityName = 'salesReturnOrderLine';
                    EntitySetName = 'salesReturnOrderLines';
                    SubPageLink = "Document Type" = field("Document Type"), "Document No." = field("No.");
                }
            }
        }
    }

    [ServiceEnabled]
    procedure release(var ActionContext: WebServiceActionContext)
    var
        ReleaseSalesDocument: Codeunit "Release Sales Document";
    begin
        ReleaseSalesDocument.PerformManualRelease(Rec);
    end;

    [ServiceEnabled]
    procedure reopen(var ActionContext: WebServiceActionContext)
    var
        ReleaseSalesDocument: Codeunit "Release Sales Document";
    begin
        ReleaseSalesDocument.PerformManualReopen(Rec);
    end;

    [ServiceEnabled]
    procedure postReceive(var ActionContext: WebServiceActionContext)
    begin
        PostOrder(true, false);
    end;

    [ServiceEnabled]
    procedure postInvoice(var ActionContext: WebServiceActionContext)
    begin
        PostOrder(false, true);
    end;

    [ServiceEnabled]
    procedure postReceiveAndInvoice(var ActionContext: WebServiceActionContext)
    begin
        PostOrder(true, true);
    end;

    local procedure PostOrder(Receive: Boolean; Invoice: Boolean)
    var
        SalesHeader: Record "Sales Header";
    begin
        SalesHeader.GetBySystemId(Rec.SystemId);
        SalesHeader.Receive := Receive;
        SalesHeader.Invoice := Invoice;
        Codeunit.Run(Codeunit::"Sales-Post", SalesHeader);
    end;
}
